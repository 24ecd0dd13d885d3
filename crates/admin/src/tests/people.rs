//! Bans, old accounts, and what is stored of passwords.

use kernel::{CloseReason, Control, SessionHandle};

use super::{Bench, audited};

fn ok(text: &str) -> (u8, String) {
    (0, text.to_owned())
}

fn said(text: &str) -> (u8, String) {
    (1, text.to_owned())
}

fn closed_by(session: &SessionHandle) -> Option<CloseReason> {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    session.mailbox().take(1, &mut control, &mut stanzas);
    control.into_iter().find_map(|item| match item {
        Control::Close(reason) => Some(reason),
        _ => None,
    })
}

#[tokio::test]
async fn a_ban_ends_sessions_and_is_lifted() {
    let bench = Bench::new().await;
    bench.says("register alice talk.test pw").await;
    bench.says("register zoe few.test pw").await;
    bench.says("set_last zoe few.test 1500045311 Bye").await;
    let phone = bench.session("alice@talk.test/phone");
    let lines = [
        ("unban_account alice talk.test", said("Error: account_was_not_banned\n")),
        ("get_ban_details alice talk.test", ok("")),
        ("ban_account ALICE talk.test spam", ok("")),
        ("ban_account alice talk.test spam", said("Error: account_was_already_banned\n")),
        ("check_password alice talk.test pw", said("Error: false\n")),
        ("--auth alice talk.test pw registered_vhosts", {
            said("Error: error\nError: invalid_account_data\n")
        }),
        ("ban_account zoe few.test _empty_", ok("")),
        ("list_banned talk.test", ok("alice@talk.test\n")),
        ("list_banned all", ok("alice@talk.test\nzoe@few.test\n")),
        ("count_banned all", ok("2\n")),
        ("count_banned few.test", ok("1\n")),
        ("ban_account nobody talk.test spam", said("Error: account_does_not_exist\n")),
        ("unban_account nobody talk.test", said("Error: account_does_not_exist\n")),
        ("unban_account alice talk.test", ok("")),
        ("check_password alice talk.test pw", ok("")),
        ("count_banned talk.test", ok("0\n")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    assert_eq!(closed_by(&phone), Some(CloseReason::Kicked("spam".to_owned())));
    let (_, details) = bench.says("get_ban_details zoe few.test").await;
    assert!(details.starts_with("reason\t\nbandate\t"), "{details}");
    assert!(details.ends_with("\nlastdate\t2017-07-14T15:15:11Z\nlastreason\tBye\n"), "{details}");
    for line in [
        "ban_account alice nowhere.test spam",
        "unban_account alice nowhere.test",
        "get_ban_details alice nowhere.test",
        "list_banned nowhere.test",
        "count_banned nowhere.test",
        "--version 0 ban_account alice nowhere.test spam",
    ] {
        let unknown = said("Error: error\nError: \"Unknown virtual host\"\n");
        assert_eq!(bench.says(line).await, unknown, "{line}");
    }
}

#[tokio::test]
async fn an_old_ban_takes_the_password_away() {
    let bench = Bench::new().await;
    bench.says("register alice talk.test pw").await;
    let phone = bench.session("alice@talk.test/phone");
    assert_eq!(bench.says("--version 0 ban_account alice talk.test spam").await, ok(""));
    assert!(matches!(closed_by(&phone), Some(CloseReason::Kicked(_))));
    assert_eq!(bench.says("check_password alice talk.test pw").await, said("Error: false\n"));
    assert_eq!(bench.says("count_banned all").await, ok("0\n"));
    let missing = said("Error: account_does_not_exist\n");
    assert_eq!(bench.says("--version 1 ban_account nobody talk.test spam").await, missing);
}

#[tokio::test]
async fn bans_need_private_storage() {
    let bench = Bench::with(&format!(
        "{}host_config:\n  few.test:\n    modules:\n      mod_admin_extra: {{}}\n",
        super::CONFIG
    ))
    .await;
    bench.says("register zoe few.test pw").await;
    let disabled = said("Error: mod_private_is_required_but_disabled\n");
    assert_eq!(bench.says("ban_account zoe few.test spam").await, disabled);
    assert_eq!(bench.says("unban_account zoe few.test").await, disabled);
    assert_eq!(bench.says("check_password zoe few.test pw").await, ok(""));
    let line = "delete_old_users_vhost few.test 0";
    let (status, text) = bench.says(line).await;
    assert!(status == 1 && text.contains("mod_last is not enabled on few.test"), "{text}");
    assert_eq!(bench.says("delete_old_users 0").await, ok("Deleted 0 users: []\n"));
    assert_eq!(bench.says("registered_users few.test").await, ok("zoe\n"));
}

#[tokio::test]
async fn old_accounts_go_and_others_stay() {
    let config = super::CONFIG
        .replace("  configure:\n", "  protect_old_users:\n    allow: admin\n  configure:\n");
    let bench = Bench::with(&config).await;
    for user in ["chief", "never", "old", "young", "online"] {
        bench.says(&format!("register {user} talk.test pw")).await;
        bench.says(&format!("set_last {user} talk.test 1000000000 away")).await;
    }
    bench.says("register other few.test pw").await;
    bench.says("set_last other few.test 1000000000 away").await;
    let now = bench.kernel.clock().unix_seconds();
    bench.says(&format!("set_last young talk.test {now} away")).await;
    bench.forget_last("never").await;
    bench.session("online@talk.test/phone");
    let deleted = "Deleted 2 users: [\"never@talk.test\", \"old@talk.test\"]\n";
    assert_eq!(bench.says("delete_old_users_vhost talk.test 30").await, ok(deleted));
    assert_eq!(bench.says("registered_users talk.test").await, ok("chief\nonline\nyoung\n"));
    let deleted = "Deleted 1 users: [\"other@few.test\"]\n";
    assert_eq!(bench.says("delete_old_users 30").await, ok(deleted));
    for line in ["delete_old_users -1", "delete_old_users_vhost nowhere.test 1"] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
    }
}

#[tokio::test]
async fn hashes_of_clear_passwords_are_checked_until_they_are_converted() {
    let bench =
        Bench::with(&format!("{}auth_stored_password_types: [plain]\n", super::CONFIG)).await;
    bench.says("register alice talk.test secret").await;
    let md5 = "check_password_hash alice talk.test 5ebe2294ecd0e0f08eab7690d2a6ee69 md5";
    let sha = "E5E9FA1BA31ECD1AE84F75CAAA474F3A663F05F4 sha";
    let lines = [
        (md5.to_owned(), ok("")),
        (format!("check_password_hash alice talk.test {sha}"), ok("")),
        (format!("check_password_hash nobody talk.test {sha}"), said("Error: false\n")),
        (format!("check_password_hash alice nowhere.test {sha}"), said("Error: false\n")),
        ("check_password_hash alice talk.test 00 sha256".to_owned(), said("Error: false\n")),
        ("check_password_hash alice talk.test 00 crc".to_owned(), said("unkown_hash_method\n")),
        ("convert_to_scram talk.test".to_owned(), ok("")),
        (md5.to_owned(), said("passwords_scrammed_command_cannot_work\n")),
        ("check_password alice talk.test secret".to_owned(), ok("")),
        ("check_password alice talk.test other".to_owned(), said("Error: false\n")),
        ("convert_to_scram talk.test".to_owned(), ok("")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(&line).await, expected, "{line}");
    }
    assert_eq!(bench.says("convert_to_scram nowhere.test").await.0, 1);
    let (_, audit) = audited(bench.run(md5)).await;
    assert!(!audit.contains("5ebe"), "{audit}");
}

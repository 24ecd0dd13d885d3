//! What is kept of accounts: vCards, private storage, last activity, waiting messages.

use super::Bench;

fn ok(text: &str) -> (u8, String) {
    (0, text.to_owned())
}

fn said(text: &str) -> (u8, String) {
    (1, text.to_owned())
}

#[tokio::test]
async fn fields_of_vcards_are_read_and_written() {
    let bench = Bench::new().await;
    let unknown = said("Error: error\nError: \"Unknown virtual host\"\n");
    let lines = [
        ("get_vcard alice talk.test FN", said("error_no_vcard_found\n")),
        ("set_vcard alice talk.test FN Alice", ok("")),
        ("get_vcard ALICE Talk.Test FN", ok("Alice\n")),
        ("get_vcard alice talk.test NICKNAME", said("error_no_value_found_in_vcard\n")),
        ("get_vcard alice nowhere.test FN", said("error_wrong_hostname\n")),
        ("set_vcard alice nowhere.test FN Alice", unknown.clone()),
        ("set_vcard2 alice talk.test N FAMILY Liddell", ok("")),
        ("set_vcard2 alice talk.test N GIVEN Alice", ok("")),
        ("get_vcard2 alice talk.test N FAMILY", ok("Liddell\n")),
        ("set_vcard2 alice talk.test N FAMILY Pleasance", ok("")),
        ("get_vcard2_multi alice talk.test N FAMILY", ok("Pleasance\n")),
        ("get_vcard2 alice talk.test N GIVEN", ok("Alice\n")),
        ("get_vcard2 alice talk.test N MIDDLE", said("error_no_value_found_in_vcard\n")),
        ("set_vcard2_multi alice talk.test ORG ORGUNIT Sales,Marketing", ok("")),
        ("get_vcard2_multi alice talk.test ORG ORGUNIT", ok("Sales\nMarketing\n")),
        ("get_vcard2 alice talk.test ORG ORGUNIT", ok("Sales\n")),
        ("set_vcard2 alice talk.test TEL HOME 123", ok("")),
        ("set_vcard2 alice talk.test TEL WORK 456", ok("")),
        ("set_vcard2 alice talk.test TEL HOME 789", ok("")),
        ("get_vcard2 alice talk.test TEL HOME", ok("789\n")),
        ("get_vcard2_multi alice talk.test TEL WORK", ok("456\n")),
        ("get_vcard2 alice talk.test TEL CELL", said("error_no_value_found_in_vcard\n")),
        ("set_nickname alice talk.test Ally", ok("")),
        ("get_vcard alice talk.test NICKNAME", ok("Ally\n")),
        ("get_vcard alice talk.test FN", ok("Alice\n")),
        ("set_nickname alice nowhere.test Ally", unknown),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    for line in ["set_vcard alice talk.test <x> y", "set_vcard2 alice talk.test N _empty_ y"] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
    }
}

#[tokio::test]
async fn private_elements_are_read_and_written() {
    let bench = Bench::new().await;
    let unknown = said("Error: error\nError: \"Unknown virtual host\"\n");
    let lines = [
        (
            "private_get alice talk.test aa bb",
            ok("<query xmlns='jabber:iq:private'><aa xmlns='bb'/></query>\n"),
        ),
        ("private_set alice talk.test <aa\u{a0}xmlns='bb'>Cluth</aa>", ok("")),
        (
            "private_get alice talk.test aa bb",
            ok("<query xmlns='jabber:iq:private'><aa xmlns='bb'>Cluth</aa></query>\n"),
        ),
        ("private_get alice nowhere.test aa bb", unknown.clone()),
        ("private_set alice nowhere.test <aa/>", unknown),
        (
            "private_set alice talk.test <aa/>",
            said("Error: error\nError: \"The element has no namespace of its own\"\n"),
        ),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    assert_eq!(bench.says("private_set alice talk.test <aa").await.0, 1);
    assert_eq!(bench.says("private_get alice talk.test <aa bb").await.0, 1);
}

#[tokio::test]
async fn last_activity_is_read_and_written() {
    let bench = Bench::new().await;
    assert_eq!(bench.says("set_last alice talk.test 1500045311 GoSleeping").await, ok(""));
    let asleep = ok("2017-07-14T15:15:11Z\tGoSleeping\n");
    assert_eq!(bench.says("get_last ALICE talk.test").await, asleep);
    assert!(bench.says("get_last nobody talk.test").await.1.ends_with("Z\tNOT FOUND\n"));
    bench.session("alice@talk.test/phone");
    assert!(bench.says("get_last alice talk.test").await.1.ends_with("Z\tONLINE\n"));
    for line in [
        "get_last alice nowhere.test",
        "set_last alice nowhere.test 1 x",
        "set_last alice talk.test -1 x",
        "set_last alice talk.test 999999999999999 x",
        "set_last alice talk.test soon x",
    ] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
    }
}

#[tokio::test]
async fn waiting_messages_are_counted_and_shown() {
    let bench = Bench::new().await;
    bench.says("register alice talk.test pw").await;
    bench.says("send_message chat boris@talk.test alice@talk.test _empty_ Hello").await;
    assert_eq!(bench.says("get_offline_count alice talk.test").await, ok("1\n"));
    assert_eq!(bench.says("get_offline_count nobody talk.test").await, ok("0\n"));
    assert_eq!(bench.says("get_offline_count alice nowhere.test").await.0, 1);
    let (_, text) = bench.says("get_offline_messages alice talk.test").await;
    let parts: Vec<&str> = text.trim_end().split('\t').collect();
    assert_eq!(parts[1..3], ["boris@talk.test", "alice@talk.test"]);
    assert!(parts[0].ends_with('Z') && parts[3].contains("<body>Hello</body>"), "{text}");
}

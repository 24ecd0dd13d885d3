//! Tables `vcard` and `vcard_search` (schema.json): vCards, and the fields by which people are looked for.

use jid::BareJid;
use store::{Column, Index, Kind, Query, StoreError, Table, TableSet, Tx};
use xmpp_wire::payload::vcard::Fields;

use crate::host_and_user;

/// The vCards.
static VCARD: Table = Table::new("vcard", "mod_vcard", VCARD_COLUMNS).indexes(VCARD_INDEXES);

const VCARD_COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("server_host"),
    Column::new("vcard", Kind::TextBig),
    Column::created_at(),
];
const VCARD_INDEXES: &[Index] = &[Index::unique(&["server_host", "username"])];

/// What people are looked for by; the columns with `l` in front hold lower case.
static VCARD_SEARCH: Table =
    Table::new("vcard_search", "mod_vcard", SEARCH_COLUMNS).indexes(SEARCH_INDEXES);

const SEARCH_COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("lusername"),
    Column::text("server_host"),
    Column::text("fn"),
    Column::text("lfn"),
    Column::text("family"),
    Column::text("lfamily"),
    Column::text("given"),
    Column::text("lgiven"),
    Column::text("middle"),
    Column::text("lmiddle"),
    Column::text("nickname"),
    Column::text("lnickname"),
    Column::text("bday"),
    Column::text("lbday"),
    Column::text("ctry"),
    Column::text("lctry"),
    Column::text("locality"),
    Column::text("llocality"),
    Column::text("email"),
    Column::text("lemail"),
    Column::text("orgname"),
    Column::text("lorgname"),
    Column::text("orgunit"),
    Column::text("lorgunit"),
];
const SEARCH_INDEXES: &[Index] = &[
    Index::unique(&["server_host", "lusername"]),
    Index::on(&["server_host", "lfn"]),
    Index::on(&["server_host", "lfamily"]),
    Index::on(&["server_host", "lgiven"]),
    Index::on(&["server_host", "lmiddle"]),
    Index::on(&["server_host", "lnickname"]),
    Index::on(&["server_host", "lbday"]),
    Index::on(&["server_host", "lctry"]),
    Index::on(&["server_host", "llocality"]),
    Index::on(&["server_host", "lemail"]),
    Index::on(&["server_host", "lorgname"]),
    Index::on(&["server_host", "lorgunit"]),
];

pub(super) static TABLES: TableSet =
    TableSet { module: "mod_vcard", version: 1, tables: &[&VCARD, &VCARD_SEARCH], updates: &[] };

pub(super) fn read(query: &mut Query<'_>, account: &BareJid) -> Result<Option<String>, StoreError> {
    let (host, user) = host_and_user(account);
    query.query_opt(
        "SELECT vcard FROM vcard WHERE server_host = ?1 AND username = ?2",
        &[&host, &user],
        |row| row.get(0),
    )
}

pub(super) fn replace(
    tx: &mut Tx<'_>,
    account: &BareJid,
    vcard: &str,
    fields: &Fields,
) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute(
        "INSERT INTO vcard (username, server_host, vcard) VALUES (?1, ?2, ?3) \
         ON CONFLICT (server_host, username) DO UPDATE SET vcard = excluded.vcard",
        &[&user, &host, &vcard],
    )?;
    let lower = fields.each_ref().map(|field| field.to_lowercase());
    tx.execute(
        "DELETE FROM vcard_search WHERE server_host = ?1 AND lusername = ?2",
        &[&host, &user],
    )?;
    tx.execute(
        "INSERT INTO vcard_search (username, lusername, server_host, fn, lfn, family, lfamily, given, lgiven, \
         middle, lmiddle, nickname, lnickname, bday, lbday, ctry, lctry, locality, llocality, email, lemail, \
         orgname, lorgname, orgunit, lorgunit) VALUES (?1, ?1, ?2, ?3, ?14, ?4, ?15, ?5, ?16, ?6, ?17, ?7, ?18, \
         ?8, ?19, ?9, ?20, ?10, ?21, ?11, ?22, ?12, ?23, ?13, ?24)",
        &[
            &user, &host, &fields[0], &fields[1], &fields[2], &fields[3], &fields[4], &fields[5], &fields[6],
            &fields[7], &fields[8], &fields[9], &fields[10], &lower[0], &lower[1], &lower[2], &lower[3], &lower[4],
            &lower[5], &lower[6], &lower[7], &lower[8], &lower[9], &lower[10],
        ],
    )?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, account: &BareJid) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute("DELETE FROM vcard WHERE server_host = ?1 AND username = ?2", &[&host, &user])?;
    tx.execute(
        "DELETE FROM vcard_search WHERE server_host = ?1 AND lusername = ?2",
        &[&host, &user],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use store::testing::{ScratchStore, check_set_against_facts};

    use super::*;

    #[test]
    fn the_tables_are_ejabberds() {
        check_set_against_facts(&TABLES).unwrap();
    }

    #[tokio::test]
    async fn each_field_is_in_its_column_and_in_lower_case_beside_it() {
        let store = ScratchStore::open(&[&TABLES]).unwrap();
        let romeo = BareJid::new("romeo@example.org").unwrap();
        let fields: Fields = std::array::from_fn(|number| format!("Field{number}"));
        let write = store.write(move |tx| {
            replace(tx, &romeo, "<one/>", &fields)?;
            replace(tx, &romeo, "<two/>", &fields)?;
            let row = tx.query_one(
                "SELECT fn || family || given || middle || nickname || bday || ctry || locality || email || orgname \
                 || orgunit, lfn || lfamily || lgiven || lmiddle || lnickname || lbday || lctry || llocality || \
                 lemail || lorgname || lorgunit FROM vcard_search WHERE lusername = 'romeo'",
                &[],
                |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
            )?;
            assert_eq!(row, (fields.concat(), fields.concat().to_lowercase()));
            assert_eq!(read(tx, &romeo)?.as_deref(), Some("<two/>"));
            delete(tx, &romeo)?;
            Ok((read(tx, &romeo)?, tx.exists("SELECT 1 FROM vcard_search", &[])?))
        });
        assert_eq!(write.await.unwrap().into_inner(), (None, false));
    }
}

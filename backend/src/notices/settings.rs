//! What somebody wants to be told of.

use oto_api_types::NoticeSettings;
use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{execute, now_ms, one};
use crate::error::Refusal;

/// Kinds that can be turned off. What is about money, rights or safety cannot.
pub(crate) const OPTIONAL: [&str; 5] = ["like", "comment", "mention", "follow", "reuse"];

/// The settings of somebody.
pub(crate) async fn of(db: &impl ConnectionTrait, account: &str) -> Result<NoticeSettings, DbErr> {
    let sql = "SELECT notices_off, digest FROM account WHERE id = $1";
    let Some(row) = one(db, sql, vec![account.into()]).await? else {
        return Ok(NoticeSettings::default());
    };
    let off: String = row.try_get("", "notices_off")?;
    Ok(NoticeSettings {
        off: off.split_whitespace().map(str::to_owned).collect(),
        digest: row.try_get::<i64>("", "digest")? != 0,
    })
}

/// Takes settings over. A digest begins with what happens from now on.
pub(crate) async fn set(
    db: &impl ConnectionTrait,
    account: &str,
    settings: &NoticeSettings,
) -> Result<(), Refusal> {
    if let Some(odd) = settings.off.iter().find(|kind| !OPTIONAL.contains(&kind.as_str())) {
        return Err(Refusal::validation(format!(
            "“{odd}” cannot be turned off; {} can.",
            OPTIONAL.join(", ")
        )));
    }
    // In their own order, each once.
    let off: Vec<&str> =
        OPTIONAL.into_iter().filter(|kind| settings.off.iter().any(|o| o == kind)).collect();
    let sql = "UPDATE account SET notices_off = $2, digest_at_ms = CASE WHEN digest = 0 THEN $4 ELSE digest_at_ms END, digest = $3 WHERE id = $1";
    let values = vec![
        account.into(),
        off.join(" ").into(),
        i64::from(settings.digest).into(),
        now_ms().into(),
    ];
    execute(db, sql, values).await?;
    Ok(())
}

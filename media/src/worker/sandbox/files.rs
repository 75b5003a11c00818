//! No file, no folder, no port, no signal to others: a Landlock domain without a single rule, or
//! with one for a voice's data.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};

/// Enforces as much as this kernel knows. False when it knows nothing of Landlock.
pub(super) fn apply(readable: Option<&Path>) -> bool {
    let enforced = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|r| r.handle_access(AccessNet::from_all(ABI::V4)))
        .and_then(|r| r.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(|r| r.add_rules(path_beneath_rules(readable, AccessFs::from_read(ABI::V5))))
        .and_then(landlock::RulesetCreated::restrict_self);
    enforced.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

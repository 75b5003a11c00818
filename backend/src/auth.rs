//! Who may call.

mod launch_secret;

pub(crate) use launch_secret::{LaunchSecret, check};

//! Who may call, and how that is known.

pub(crate) mod api_key;
pub(crate) mod device;
mod launch_secret;
pub(crate) mod letter_token;
pub(crate) mod me;
pub(crate) mod password;
pub(crate) mod random;
pub(crate) mod seal;
pub(crate) mod session;
pub(crate) mod token;

pub(crate) use launch_secret::{LaunchSecret, check};
pub(crate) use me::Me;

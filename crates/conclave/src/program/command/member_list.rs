//! `conclave member list`

use clap::Args;

use super::super::failure::Failure;
use super::{Context, members};

/// The same as `conclave members`
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    members::run(context).await
}

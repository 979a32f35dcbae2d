//! What a subcommand answers on standard output, and what follows where that cannot be written.

use std::io::{self, ErrorKind, Write};

use crate::command_line::{
    AuditCommand, Command, LogCommand, TokenCommand, VaultCommand, ViewCommand, ViewsArgs,
    ViewsCommand,
};
use crate::failure::{Failure, to_stdout};

/// What the answer of a subcommand is to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is what was asked for: where it cannot be written, the command ends there.
    Show,
    /// It tells of what the command does, which is carried through all the same.
    Act,
    /// The exit code says it, too: that stands, whatever becomes of the words.
    Judge,
    /// A greeting: the command runs until it is told to stop.
    Serve,
}

impl Purpose {
    /// What this subcommand answers for.
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Serve(_) | Command::Witness(_) => Self::Serve,
            Command::Log(
                LogCommand::Tail { .. }
                | LogCommand::Show { .. }
                | LogCommand::Stat
                | LogCommand::Export { .. },
            )
            | Command::Vault(VaultCommand::Status)
            // One that shows a new token looks after it itself.
            | Command::Auditor(TokenCommand::Add { .. } | TokenCommand::List)
            | Command::Operator(TokenCommand::Add { .. } | TokenCommand::List)
            | Command::Audit(AuditCommand::Key)
            | Command::Policies
            | Command::Config => Self::Show,
            Command::Audit(AuditCommand::Check(_) | AuditCommand::Verify(_)) => Self::Judge,
            Command::Restore(args) if args.check => Self::Judge,
            Command::Views(args) => Self::of_views(args),
            Command::Demo(_)
            | Command::Erase(_)
            | Command::Vault(
                VaultCommand::Rotate | VaultCommand::Confirm | VaultCommand::GiveUpLostKeys,
            )
            | Command::Auditor(TokenCommand::Revoke { .. })
            | Command::Operator(TokenCommand::Revoke { .. })
            | Command::Audit(
                AuditCommand::Publish { .. } | AuditCommand::Bundle(_) | AuditCommand::Redact(_),
            )
            | Command::Dictionary(_)
            | Command::Backup(_)
            | Command::Restore(_) => Self::Act,
        }
    }

    fn of_views(args: &ViewsArgs) -> Self {
        match &args.command {
            None | Some(ViewsCommand::List(_)) => Self::Show,
            Some(ViewsCommand::Of(
                ViewCommand::Verify { .. } | ViewCommand::Diff { .. } | ViewCommand::Bisect { .. },
            )) => Self::Judge,
            Some(ViewsCommand::Of(
                ViewCommand::Rebuild { .. }
                | ViewCommand::Retry { .. }
                | ViewCommand::Rollback { .. }
                | ViewCommand::Build { .. }
                | ViewCommand::Export { .. }
                | ViewCommand::Import { .. },
            )) => Self::Act,
        }
    }
}

/// Where a subcommand answers. A reader that has gone, a full disk or a closed descriptor neither
/// stop what is being done nor turn one verdict into another.
pub(crate) struct Answer<'a> {
    out: &'a mut (dyn Write + Send),
    purpose: Purpose,
    lost: Option<io::Error>,
}

impl<'a> Answer<'a> {
    pub(crate) fn on(out: &'a mut (dyn Write + Send), purpose: Purpose) -> Self {
        Self {
            out,
            purpose,
            lost: None,
        }
    }

    /// How the command has ended, where this is what it came to.
    ///
    /// # Errors
    /// What it failed with; or [`Failure::Unshown`] and [`Failure::Untold`], where all went well
    /// and nobody was told.
    pub(crate) fn end(mut self, done: Result<(), Failure>) -> Result<(), Failure> {
        let flushed = self.flush();
        done?;
        match self.purpose {
            Purpose::Show => flushed.map_err(to_stdout),
            Purpose::Act => self.lost.map_or(Ok(()), |lost| Err(Failure::Untold(lost))),
            Purpose::Judge | Purpose::Serve => Ok(()),
        }
    }

    /// Whether the rest is let go once something could not be written.
    fn lets_go(&self) -> bool {
        matches!(self.purpose, Purpose::Act | Purpose::Judge)
    }

    fn lose(&mut self, error: io::Error) {
        if error.kind() != ErrorKind::BrokenPipe && self.purpose == Purpose::Judge {
            tracing::warn!(%error, "what was found cannot be printed; the exit code tells it");
        }
        self.lost = Some(error);
    }
}

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lost.is_some() {
            return Ok(bytes.len());
        }
        match self.out.write(bytes) {
            Err(error) if error.kind() != ErrorKind::Interrupted && self.lets_go() => {
                self.lose(error);
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lost.is_some() {
            return Ok(());
        }
        match self.out.flush() {
            Err(error) if self.lets_go() => {
                self.lose(error);
                Ok(())
            }
            flushed => flushed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use meguri_evidence::Verdict;

    /// Takes some bytes, and then breaks.
    struct Breaking(usize);

    impl Write for Breaking {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                return Err(ErrorKind::BrokenPipe.into());
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn what_is_done_and_what_is_judged_go_on_without_their_words() {
        for purpose in [Purpose::Act, Purpose::Judge] {
            let mut breaking = Breaking(3);
            let mut out = Answer::on(&mut breaking, purpose);
            for _ in 0..3 {
                out.write_all(b"four").unwrap();
                out.flush().unwrap();
            }
            let end = out.end(Ok(()));
            assert_eq!(end.is_ok(), purpose == Purpose::Judge, "{end:?}");
        }
    }

    #[test]
    fn what_is_only_shown_fails_at_the_first_word_that_is_lost() {
        let mut breaking = Breaking(3);
        let mut out = Answer::on(&mut breaking, Purpose::Show);
        assert!(out.write_all(b"four").is_err());
        // Bytes that were taken and cannot be brought on are lost as well.
        let mut breaking = Breaking(8);
        let mut out = Answer::on(&mut breaking, Purpose::Show);
        out.write_all(b"four").unwrap();
        assert!(matches!(out.end(Ok(())), Err(Failure::Unshown(_))));
    }

    #[test]
    fn a_failure_stands_whatever_becomes_of_its_words() {
        for purpose in [Purpose::Show, Purpose::Act, Purpose::Judge, Purpose::Serve] {
            let mut breaking = Breaking(0);
            let out = Answer::on(&mut breaking, purpose);
            let end = out.end(Err(Failure::NotSound(Verdict::Findings)));
            assert!(matches!(end, Err(Failure::NotSound(_))), "{end:?}");
        }
    }
}

//! Standard output of a command whose exit code is its answer.

use std::io::{self, ErrorKind, Write};

/// Where such a command writes: once something cannot be written, the rest is let go, so that the
/// command goes on to its verdict. A reader that has seen enough, a full disk or a closed
/// descriptor never turns one verdict into another.
pub(crate) struct VerdictOutput<'a> {
    out: &'a mut (dyn Write + Send),
    is_lost: bool,
}

impl<'a> VerdictOutput<'a> {
    /// Writes to this for as long as it takes it.
    pub(crate) fn to(out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            out,
            is_lost: false,
        }
    }

    fn lose(&mut self, error: &io::Error) {
        self.is_lost = true;
        if error.kind() != ErrorKind::BrokenPipe {
            tracing::warn!(%error, "what was found cannot be printed; the exit code tells it");
        }
    }
}

impl Write for VerdictOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_lost {
            return Ok(bytes.len());
        }
        match self.out.write(bytes) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.lose(&error);
                Ok(bytes.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let (false, Err(error)) = (self.is_lost, self.out.flush()) {
            self.lose(&error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

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
    fn what_cannot_be_written_is_let_go() {
        let mut breaking = Breaking(3);
        let mut out = VerdictOutput::to(&mut breaking);
        for _ in 0..3 {
            out.write_all(b"four").unwrap();
            out.flush().unwrap();
        }
    }
}

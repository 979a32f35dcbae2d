//! Lines of JSON over a local socket, and open files beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

/// Longest line, in bytes: HTTP reads less than 64 KiB ahead, and writes 4 bytes for each here; a
/// release before this one reads less than 500 KiB.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// One end of a conversation.
///
/// A side sends a file with every line or with none: files arrive in the order of their lines, and
/// each not later than the end of its line.
#[derive(Debug)]
pub(super) struct Lines {
    stream: UnixStream,
    read: Vec<u8>,
    files: VecDeque<OwnedFd>,
}

impl Lines {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
            files: VecDeque::new(),
        }
    }

    /// Sends a line, and this file with it.
    pub(super) async fn send(
        &mut self,
        line: &impl Serialize,
        file: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let files = file.as_slice();
        let begin = || send(&self.stream, &text, files);
        let written = self.stream.async_io(Interest::WRITABLE, begin).await?;
        let rest = text.get(written..).unwrap_or_default();
        self.stream.write_all(rest).await
    }

    /// The next line; none at the end of the conversation.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            if self.read.len() > LINE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let receive = || receive(&self.stream);
            let (bytes, files) = self.stream.async_io(Interest::READABLE, receive).await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.read.extend(bytes);
            self.files.extend(files);
        }
    }

    /// The file that came with the line.
    pub(super) fn file(&mut self) -> Option<OwnedFd> {
        self.files.pop_front()
    }
}

fn send(stream: &UnixStream, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let bytes = [IoSlice::new(bytes)];
    Ok(sendmsg(stream, &bytes, &mut beside, SendFlags::empty())?)
}

fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; READ_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(stream, &mut into, &mut beside, RecvFlags::empty())?;
    let mut files = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    for file in &files {
        fcntl_setfd(file, FdFlags::CLOEXEC)?;
    }
    // A file that is missing would leave the next one to the wrong line.
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("this process cannot open so many files"));
    }
    bytes.truncate(received.bytes);
    Ok((bytes, files))
}

//! The last good configuration on disk, private keys included.
//!
//! One file, readable by its owner alone, replaced by renaming: `gatewright-state-1`, a line end, and
//! behind it, compressed, the messages by which a controller would send the configuration.

use super::assemble::{Assembler, Assigned, ClientLimits};
use crate::part::{Content, Head};
use crate::scope::Scope;
use crate::wire::{self, PROTOCOL};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use prost::Message;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

const MAGIC: &[u8] = b"gatewright-state-1\n";
const NAME: &str = "last-good";
const FRESH: &str = "last-good.new";
/// Bytes of parts in one message.
const CHUNK: usize = 256 * 1024;

/// The file cannot be written or used. Never holds its content.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The operating system.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Not such a file, or a damaged one.
    #[error("{}: {why}", path.display())]
    Content {
        /// File.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A folder that holds the last good configuration of one scope.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    scope: Scope,
    version: String,
    limits: ClientLimits,
}

impl Store {
    /// Makes the folder when there is none.
    pub fn open(
        folder: &Path,
        scope: Scope,
        version: &str,
        limits: ClientLimits,
    ) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| StoreError::Io {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            scope,
            version: version.to_owned(),
            limits,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Replaces what is stored. Either the old or the new file is there at any time. An empty session says
    /// that the revision means nothing to a controller.
    pub fn save(&self, session: &str, revision: u64, configuration: &[Assigned]) -> Result<(), StoreError> {
        let fresh = self.folder.join(FRESH);
        let written = (|| {
            let _ = fs::remove_file(&fresh);
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&fresh)?;
            let mut out = BufWriter::new(file);
            out.write_all(MAGIC)?;
            let mut out = GzEncoder::new(out, Compression::fast());
            self.write(&mut out, session, revision, configuration)?;
            let file = out
                .finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&fresh, self.path())?;
            File::open(&self.folder)?.sync_all()
        })();
        written.map_err(|source| StoreError::Io { path: fresh, source })
    }

    fn write(
        &self,
        out: &mut impl Write,
        session: &str,
        revision: u64,
        configuration: &[Assigned],
    ) -> io::Result<()> {
        let header = wire::Hello {
            protocol: PROTOCOL,
            version: self.version.clone(),
            scope: self.scope.to_string(),
            session: session.to_owned(),
            revision,
            ..wire::Hello::default()
        };
        put(out, &header)?;
        for Assigned { balancer, settings } in configuration {
            let empty = || wire::Changes {
                gateways: vec![wire::GatewayChanges {
                    namespace: balancer.gateway.namespace.to_string(),
                    name: balancer.gateway.name.to_string(),
                    ..wire::GatewayChanges::default()
                }],
                commit: None,
            };
            let (mut changes, mut size) = (empty(), 0);
            let head = [
                Content::Head(Box::new(Head::of(balancer))),
                Content::Settings(Arc::clone(settings)),
            ];
            let parts = head
                .into_iter()
                .chain(balancer.certificates.values().cloned().map(Content::Certificate))
                .chain(balancer.backends.values().cloned().map(Content::Backend))
                .chain(balancer.http_routes.values().cloned().map(Content::HttpRoute))
                .chain(balancer.stream_routes.values().cloned().map(Content::StreamRoute))
                .chain(balancer.listeners.values().cloned().map(Content::Listener));
            for part in parts {
                let payload = part.encode().map_err(io::Error::other)?;
                if size > 0 && size + payload.len() > CHUNK {
                    put(out, &changes)?;
                    (changes, size) = (empty(), 0);
                }
                size += payload.len();
                if let Some(gateway) = changes.gateways.first_mut() {
                    gateway.parts.push(wire::Part {
                        key: Some(part.key().to_wire()),
                        payload,
                    });
                }
            }
            put(out, &changes)?;
        }
        let end = wire::Changes {
            gateways: Vec::new(),
            commit: Some(revision),
        };
        put(out, &end)
    }

    /// What is stored; `None` when nothing is, or when it is of another scope.
    pub fn load(&self) -> Result<Option<Assembler>, StoreError> {
        let path = self.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        self.read(BufReader::new(file))
            .map_err(|error| StoreError::Content {
                path,
                why: error.to_string(),
            })
    }

    fn read(&self, mut file: impl Read) -> io::Result<Option<Assembler>> {
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(bad("not a file of this version"));
        }
        // The limit counts the parts, twice that leaves room for their names; a file that claims more is
        // none of ours.
        let limit = self.limits.bytes as u64 * 2;
        let mut messages = BufReader::new(GzDecoder::new(file).take(limit));
        let header: wire::Hello = self.get(&mut messages)?;
        if header.protocol != PROTOCOL || header.scope != self.scope.to_string() {
            return Ok(None);
        }
        let mut assembler = Assembler::new(self.limits.clone());
        // Another version may have read less of what it was sent than this one would.
        let session = if header.version == self.version {
            header.session
        } else {
            String::new()
        };
        assembler.welcome(&wire::Welcome { session, base: 0 });
        loop {
            let changes: wire::Changes = self.get(&mut messages)?;
            if assembler.take(changes).map_err(io::Error::other)?.is_some() {
                break;
            }
        }
        // The checksum stands at the end.
        let rest = messages.read(&mut [0])?;
        if rest != 0 {
            return Err(bad("bytes follow behind the end"));
        }
        if assembler.refused().next().is_some() {
            assembler.forget_session();
        }
        assembler.disconnected();
        Ok(Some(assembler))
    }

    fn get<M: Message + Default>(&self, from: &mut impl Read) -> io::Result<M> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > self.limits.message {
            return Err(bad("a message is too long"));
        }
        let mut bytes = Vec::new();
        from.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(bad("the file ends in the middle of a message"));
        }
        M::decode(bytes.as_slice()).map_err(|_| bad("a message cannot be decoded"))
    }
}

fn put(out: &mut impl Write, message: &impl Message) -> io::Result<()> {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;

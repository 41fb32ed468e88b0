//! A system call as data, prepared before the launch: its number, its arguments in memory that it owns, and its text
//! in the notation of strace(1).
//!
//! The fields are private to the room: only the constructors here decide which pointer goes where, so that the
//! interpreter in [`super::launch`] can carry out any [`Syscall`] without knowing them all.

use std::borrow::Cow;
use std::ffi::{CString, c_char, c_long};

/// Pieces in a row: `Arg(N)` is the argument at that place.
macro_rules! texts {
    ($($piece:expr),+ $(,)?) => {{
        #[allow(unused_imports, reason = "a text without arguments")]
        use Piece::Arg;
        vec![$(Piece::from($piece)),+]
    }};
}

mod joining;
mod mounting;
mod plumbing;

/// A place that holds the result of an earlier call, such as a file descriptor.
pub type Slot = usize;

/// How many results can be kept.
pub const SLOTS: usize = 32;

/// One argument.
#[derive(Debug)]
pub(super) enum Arg {
    Int(i64),
    Null,
    Str(CString),
    Bytes(Vec<u8>),
    /// Pointers to the strings beside them, ended by a null pointer.
    Strings(Strings),
    /// The result of an earlier call.
    Slot(Slot),
    /// `/proc/self/fd/N` for the descriptor in the slot.
    FdPath(Slot),
}

/// An argument vector as execve(2) wants it.
#[derive(Debug)]
pub(super) struct Strings {
    /// Keeps alive what `pointers` point to; a `CString` does not move its bytes when it is moved.
    owned: Vec<CString>,
    pub(super) pointers: Vec<*const c_char>,
}

impl Strings {
    fn new(words: &[String]) -> Self {
        let owned: Vec<CString> = words.iter().map(|word| c(word)).collect();
        let pointers = owned.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        Self { owned, pointers }
    }
}

/// A piece of a call's text. It becomes text only when it is told: most calls of a launch never are.
#[derive(Debug, Clone)]
enum Piece {
    Text(Cow<'static, str>),
    /// The argument at this place, as strace shows it.
    Arg(usize),
}

impl From<&'static str> for Piece {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl Arg {
    fn text(&self, slots: &[i64; SLOTS]) -> String {
        let held = |slot: &Slot| slots.get(*slot).copied().unwrap_or(-1);
        match self {
            Self::Int(value) => value.to_string(),
            Self::Null => "NULL".to_owned(),
            Self::Str(text) => quoted(&text.to_string_lossy()),
            Self::Bytes(bytes) => quoted(&String::from_utf8_lossy(bytes)),
            Self::Strings(strings) => {
                let words = strings.owned.iter().map(|word| quoted(&word.to_string_lossy()));
                format!("[{}]", words.collect::<Vec<_>>().join(", "))
            }
            Self::Slot(slot) => held(slot).to_string(),
            Self::FdPath(slot) => format!("\"/proc/self/fd/{}\"", held(slot)),
        }
    }
}

/// One prepared system call.
#[derive(Debug)]
pub struct Syscall {
    pub(super) number: c_long,
    pub(super) args: Vec<Arg>,
    /// Where the result is kept.
    pub(super) save: Option<Slot>,
    /// An errno that does not stop the launch.
    /// Errnos that do not stop the launch; 0 is none.
    pub(super) tolerated: [i32; 2],
    name: &'static str,
    text: Vec<Piece>,
    narrated: bool,
}

/// Bytes up to the first NUL: the line grammar refuses control characters, so nothing is ever cut.
fn c(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// A string as strace shows it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for ch in text.chars() {
        match ch {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// What an openat2(2) in the root is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// A place in the file system, to mount on.
    Path,
    /// A directory, to make something in.
    Directory,
}

impl Syscall {
    fn new(number: c_long, name: &'static str, args: Vec<Arg>, text: Vec<Piece>) -> Self {
        Self { number, args, save: None, tolerated: [0; 2], name, text, narrated: true }
    }

    /// Keeps the result in a slot.
    #[must_use]
    pub fn saved(mut self, slot: Slot) -> Self {
        self.save = Some(slot);
        self
    }

    /// Goes on when the kernel answers with this errno. Of two at most.
    #[must_use]
    pub fn tolerating(mut self, errno: i32) -> Self {
        if let Some(free) = self.tolerated.iter_mut().find(|known| **known == 0) {
            *free = errno;
        }
        self
    }

    /// Plumbing that learners are not told of.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.narrated = false;
        self
    }

    /// The name, such as `mount`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether learners are told.
    pub const fn narrated(&self) -> bool {
        self.narrated
    }

    /// Whether the parent wants to know the result of a call that succeeded: to tell it, or to fill in another's text.
    pub(super) const fn asked_for(&self) -> bool {
        self.narrated || self.save.is_some()
    }

    /// Whether this answer does not stop the launch although it is an errno.
    pub fn tolerates(&self, result: Result<i64, i32>) -> bool {
        result.err().is_some_and(|errno| self.tolerated.contains(&errno))
    }

    /// The arguments in strace's notation, with the results of earlier calls filled in.
    pub fn text(&self, slots: &[i64; SLOTS]) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.to_string(),
            Piece::Arg(place) => self.args.get(*place).map(|arg| arg.text(slots)).unwrap_or_default(),
        };
        self.text.iter().map(piece).collect()
    }

    /// The slot that this call fills.
    pub const fn slot(&self) -> Option<Slot> {
        self.save
    }

    /// chroot(2).
    pub fn chroot(path: &str) -> Self {
        Self::new(libc::SYS_chroot, "chroot", vec![Arg::Str(c(path))], texts!(Arg(0)))
    }

    /// chdir(2).
    pub fn chdir(path: &str) -> Self {
        Self::new(libc::SYS_chdir, "chdir", vec![Arg::Str(c(path))], texts!(Arg(0)))
    }

    /// sethostname(2).
    pub fn sethostname(name: &str) -> Self {
        let args = vec![Arg::Str(c(name)), Arg::Int(name.len() as i64)];
        Self::new(libc::SYS_sethostname, "sethostname", args, texts!(Arg(0), ", ", Arg(1)))
    }

    /// unshare(2) of the cgroup namespace.
    pub fn unshare_cgroup() -> Self {
        let args = vec![Arg::Int(libc::CLONE_NEWCGROUP.into())];
        Self::new(libc::SYS_unshare, "unshare", args, texts!("CLONE_NEWCGROUP"))
    }

    /// openat2(2) of a path below the directory in a slot. No link is followed and nothing above it is reached.
    pub fn open_below(root: Slot, path: &str, what: Open) -> Self {
        let (flags, named) = match what {
            Open::Path => (libc::O_PATH | libc::O_CLOEXEC, "O_RDONLY|O_CLOEXEC|O_PATH"),
            Open::Directory => {
                (libc::O_DIRECTORY | libc::O_PATH | libc::O_CLOEXEC, "O_RDONLY|O_DIRECTORY|O_CLOEXEC|O_PATH")
            }
        };
        let relative = match path.trim_start_matches('/') {
            "" => ".",
            relative => relative,
        };
        // struct open_how: flags, mode, resolve, each eight bytes in the machine's order.
        let resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_SYMLINKS;
        let how = [flags as u64, 0, resolve].iter().flat_map(|field| field.to_ne_bytes()).collect();
        let args = vec![Arg::Slot(root), Arg::Str(c(relative)), Arg::Bytes(how), Arg::Int(24)];
        let how = format!("{{flags={named}, resolve=RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT}}");
        let text = texts!(Arg(0), ", ", Arg(1), ", ", how, ", 24");
        Self::new(libc::SYS_openat2, "openat2", args, text)
    }

    /// openat(2) of a directory as a place (`O_PATH`), the last component not a link.
    pub fn open_directory(path: &str) -> Self {
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let args = vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into())];
        let text = texts!("AT_FDCWD, ", Arg(1), ", O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC|O_PATH");
        Self::new(libc::SYS_openat, "openat", args, text)
    }

    /// openat(2) for writing.
    pub fn open_to_write(path: &str) -> Self {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let args = vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into())];
        Self::new(libc::SYS_openat, "openat", args, texts!("AT_FDCWD, ", Arg(1), ", O_WRONLY|O_CLOEXEC"))
    }

    /// write(2) to the descriptor in a slot.
    pub fn write_slot(slot: Slot, text: &str) -> Self {
        let args = vec![Arg::Slot(slot), Arg::Bytes(text.as_bytes().to_vec()), Arg::Int(text.len() as i64)];
        Self::new(libc::SYS_write, "write", args, texts!(Arg(0), ", ", Arg(1), ", ", Arg(2)))
    }

    /// write(2) to a descriptor that rlab opened.
    pub fn write_fd(fd: i32, text: &str) -> Self {
        let args =
            vec![Arg::Int(fd.into()), Arg::Bytes(text.as_bytes().to_vec()), Arg::Int(text.len() as i64)];
        Self::new(libc::SYS_write, "write", args, texts!(Arg(0), ", ", Arg(1), ", ", Arg(2)))
    }

    /// mkdirat(2) in the directory in a slot, or by path where there is none.
    pub fn mkdir(below: Option<Slot>, path: &str) -> Self {
        let args = vec![at(below), Arg::Str(c(path)), Arg::Int(0o755)];
        Self::new(libc::SYS_mkdirat, "mkdirat", args, texts!(at_text(below), ", ", Arg(1), ", 0755"))
    }

    /// mknodat(2) of an empty regular file, to bind something on.
    pub fn mkfile(below: Option<Slot>, path: &str) -> Self {
        let mode = libc::S_IFREG | 0o644;
        let args = vec![at(below), Arg::Str(c(path)), Arg::Int(mode.into()), Arg::Int(0)];
        let text = texts!(at_text(below), ", ", Arg(1), ", S_IFREG|0644");
        Self::new(libc::SYS_mknodat, "mknodat", args, text)
    }

    /// openat(2) of a new file, for writing.
    pub fn create(path: &str, mode: u32) -> Self {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let args = vec![
            Arg::Int(libc::AT_FDCWD.into()),
            Arg::Str(c(path)),
            Arg::Int(flags.into()),
            Arg::Int(mode.into()),
        ];
        let mode = format!("{mode:04o}");
        let text = texts!("AT_FDCWD, ", Arg(1), ", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, ", mode);
        Self::new(libc::SYS_openat, "openat", args, text)
    }

    /// symlinkat(2).
    pub fn symlink(target: &str, path: &str) -> Self {
        let args = vec![Arg::Str(c(target)), at(None), Arg::Str(c(path))];
        Self::new(libc::SYS_symlinkat, "symlinkat", args, texts!(Arg(0), ", AT_FDCWD, ", Arg(2)))
    }

    /// prctl(2) `PR_SET_PDEATHSIG` with SIGKILL.
    pub fn die_with_parent() -> Self {
        let args = vec![Arg::Int(libc::PR_SET_PDEATHSIG.into()), Arg::Int(libc::SIGKILL.into())];
        Self::new(libc::SYS_prctl, "prctl", args, texts!("PR_SET_PDEATHSIG, SIGKILL"))
    }

    /// setgroups(2): no group beside the first.
    pub fn no_groups() -> Self {
        Self::new(libc::SYS_setgroups, "setgroups", vec![Arg::Int(0), Arg::Null], texts!("0, NULL"))
    }

    /// setresgid(2): this group and no other.
    pub fn set_group(gid: u32) -> Self {
        let args = vec![Arg::Int(gid.into()), Arg::Int(gid.into()), Arg::Int(gid.into())];
        Self::new(libc::SYS_setresgid, "setresgid", args, texts!(Arg(0), ", ", Arg(1), ", ", Arg(2)))
    }

    /// setresuid(2): this user and no other.
    pub fn set_user(uid: u32) -> Self {
        let args = vec![Arg::Int(uid.into()), Arg::Int(uid.into()), Arg::Int(uid.into())];
        Self::new(libc::SYS_setresuid, "setresuid", args, texts!(Arg(0), ", ", Arg(1), ", ", Arg(2)))
    }

    /// prctl(2) `PR_CAPBSET_DROP`: the capability can never be had again.
    pub fn drop_from_bounding_set(number: u8, name: &str) -> Self {
        let args = vec![Arg::Int(libc::PR_CAPBSET_DROP.into()), Arg::Int(number.into())];
        Self::new(libc::SYS_prctl, "prctl", args, texts!("PR_CAPBSET_DROP, ", name.to_owned()))
    }

    /// capset(2): effective and permitted become this mask, inheritable none.
    pub fn capset(mask: u64) -> Self {
        const VERSION_3: u32 = 0x2008_0522;
        let header = [VERSION_3, 0].iter().flat_map(|field| field.to_ne_bytes()).collect();
        let half = |shift: u32| {
            let bits = (mask >> shift) as u32;
            [bits, bits, 0]
        };
        let data = [half(0), half(32)].iter().flatten().flat_map(|field| field.to_ne_bytes()).collect();
        let text = format!(
            "{{version=_LINUX_CAPABILITY_VERSION_3, pid=0}}, {{effective={mask:#x}, permitted={mask:#x}, inheritable=0}}"
        );
        Self::new(libc::SYS_capset, "capset", vec![Arg::Bytes(header), Arg::Bytes(data)], texts!(text))
    }

    /// dup3(2) of a descriptor of rlab's onto standard input, output or error.
    pub fn redirect(fd: i32, onto: i32) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Int(onto.into()), Arg::Int(0)];
        Self::new(libc::SYS_dup3, "dup3", args, texts!(Arg(0), ", ", Arg(1), ", 0")).quiet()
    }

    /// setsid(2): away from the learner's terminal.
    pub fn setsid() -> Self {
        Self::new(libc::SYS_setsid, "setsid", Vec::new(), Vec::new()).quiet()
    }

    /// ioctl(2) `TIOCSCTTY`: the terminal becomes that of the new session, whose leader this is.
    pub fn controlling_terminal(fd: i32) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Int(libc::TIOCSCTTY as i64), Arg::Int(0)];
        Self::new(libc::SYS_ioctl, "ioctl", args, texts!(Arg(0), ", TIOCSCTTY, 0")).quiet()
    }

    /// rt_sigaction(2): the default again. Rust ignores SIGPIPE, and an ignored signal stays ignored over execve.
    pub fn default_signal(signal: i32) -> Self {
        // struct kernel_sigaction of zeros: SIG_DFL, no flags, no restorer, empty mask.
        let args = vec![Arg::Int(signal.into()), Arg::Bytes(vec![0; 32]), Arg::Null, Arg::Int(8)];
        Self::new(libc::SYS_rt_sigaction, "rt_sigaction", args, Vec::new()).quiet()
    }

    /// rt_sigprocmask(2): no signal blocked.
    pub fn unblock_signals() -> Self {
        let args = vec![Arg::Int(libc::SIG_SETMASK.into()), Arg::Bytes(vec![0; 8]), Arg::Null, Arg::Int(8)];
        Self::new(libc::SYS_rt_sigprocmask, "rt_sigprocmask", args, Vec::new()).quiet()
    }

    /// close_range(2): every descriptor from 3 on closes at execve, whoever opened it (the class of CVE-2024-21626).
    pub fn close_on_exec_from_3() -> Self {
        let args = vec![Arg::Int(3), Arg::Int(u32::MAX.into()), Arg::Int(libc::CLOSE_RANGE_CLOEXEC.into())];
        Self::new(libc::SYS_close_range, "close_range", args, texts!("3, 4294967295, CLOSE_RANGE_CLOEXEC"))
            .quiet()
    }

    /// execve(2).
    pub fn execve(path: &str, argv: &[String], environment: &[String]) -> Self {
        let args = vec![
            Arg::Str(c(path)),
            Arg::Strings(Strings::new(argv)),
            Arg::Strings(Strings::new(environment)),
        ];
        Self::new(libc::SYS_execve, "execve", args, texts!(Arg(0), ", ", Arg(1), ", …"))
    }
}

fn at(below: Option<Slot>) -> Arg {
    below.map_or(Arg::Int(libc::AT_FDCWD.into()), Arg::Slot)
}

fn at_text(below: Option<Slot>) -> Piece {
    if below.is_some() { Piece::Arg(0) } else { "AT_FDCWD".into() }
}

//! A system call as data, prepared before the launch: its number, its arguments in memory that it owns, and its text
//! in the notation of strace(1).
//!
//! The fields are private to the room: only the constructors here decide which pointer goes where, so that the
//! interpreter in [`super::launch`] can carry out any [`Syscall`] without knowing them all.

use std::ffi::{CString, c_char, c_long};

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
    _owned: Vec<CString>,
    pub(super) pointers: Vec<*const c_char>,
}

impl Strings {
    fn new(words: &[String]) -> Self {
        let owned: Vec<CString> = words.iter().map(|word| c(word)).collect();
        let pointers = owned.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        Self { _owned: owned, pointers }
    }
}

/// A piece of a call's text.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// One prepared system call.
#[derive(Debug)]
pub struct Syscall {
    pub(super) number: c_long,
    pub(super) args: Vec<Arg>,
    /// Where the result is kept.
    pub(super) save: Option<Slot>,
    /// An errno that does not stop the launch.
    pub(super) tolerated: Option<i32>,
    name: &'static str,
    text: Vec<Piece>,
    narrated: bool,
}

/// Bytes up to the first NUL: the line grammar refuses control characters, so nothing is ever cut.
fn c(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
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

/// Flags of a mount with their numbers, by the names that strace prints.
const MOUNT_FLAGS: [(&str, u64); 18] = [
    ("MS_RDONLY", libc::MS_RDONLY),
    ("MS_NOSUID", libc::MS_NOSUID),
    ("MS_NODEV", libc::MS_NODEV),
    ("MS_NOEXEC", libc::MS_NOEXEC),
    ("MS_SYNCHRONOUS", libc::MS_SYNCHRONOUS),
    ("MS_REMOUNT", libc::MS_REMOUNT),
    ("MS_DIRSYNC", libc::MS_DIRSYNC),
    ("MS_NOATIME", libc::MS_NOATIME),
    ("MS_NODIRATIME", libc::MS_NODIRATIME),
    ("MS_BIND", libc::MS_BIND),
    ("MS_REC", libc::MS_REC),
    ("MS_PRIVATE", libc::MS_PRIVATE),
    ("MS_SLAVE", libc::MS_SLAVE),
    ("MS_SHARED", libc::MS_SHARED),
    ("MS_RELATIME", libc::MS_RELATIME),
    ("MS_STRICTATIME", libc::MS_STRICTATIME),
    ("MS_LAZYTIME", libc::MS_LAZYTIME),
    // Linux 5.10; not in every libc yet.
    ("MS_NOSYMFOLLOW", 256),
];

/// move_mount(2): the source is the descriptor itself.
const MOVE_MOUNT_F_EMPTY_PATH: i64 = 0x4;
/// And so is the target.
const MOVE_MOUNT_T_EMPTY_PATH: i64 = 0x40;

/// What an openat2(2) in the root is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// A place in the file system, to mount on.
    Path,
    /// A directory, to make something in.
    Directory,
}

impl Syscall {
    fn new(number: c_long, name: &'static str, args: Vec<Arg>, text: impl Into<String>) -> Self {
        Self {
            number,
            args,
            save: None,
            tolerated: None,
            name,
            text: vec![Piece::Text(text.into())],
            narrated: true,
        }
    }

    /// Keeps the result in a slot.
    #[must_use]
    pub fn saved(mut self, slot: Slot) -> Self {
        self.save = Some(slot);
        self
    }

    /// Goes on when the kernel answers with this errno.
    #[must_use]
    pub fn tolerating(mut self, errno: i32) -> Self {
        self.tolerated = Some(errno);
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

    /// Whether this answer does not stop the launch although it is an errno.
    pub fn tolerates(&self, result: Result<i64, i32>) -> bool {
        result.err().is_some_and(|errno| self.tolerated == Some(errno))
    }

    /// The arguments in strace's notation, with the results of earlier calls filled in.
    pub fn text(&self, slots: &[i64; SLOTS]) -> String {
        self.text
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Slot(slot) => slots.get(*slot).copied().unwrap_or(-1).to_string(),
            })
            .collect()
    }

    /// The slot that this call fills.
    pub const fn slot(&self) -> Option<Slot> {
        self.save
    }

    /// mount(2). `flags` are names; unknown ones are left out (the plan only knows known ones).
    pub fn mount(
        source: Option<&str>,
        target: &str,
        fstype: Option<&str>,
        flags: &[&str],
        data: Option<&str>,
    ) -> Self {
        let mut call = Self::mount_on(Arg::Str(c(target)), source, fstype, flags, data);
        call.text = vec![Piece::Text(mount_text(source, &quoted(target), fstype, flags, data))];
        call
    }

    /// mount(2) on the file descriptor in a slot, by its name under /proc/self/fd.
    pub fn mount_fd(
        source: Option<&str>,
        target: Slot,
        fstype: Option<&str>,
        flags: &[&str],
        data: Option<&str>,
    ) -> Self {
        let mut call = Self::mount_on(Arg::FdPath(target), source, fstype, flags, data);
        let whole = mount_text(source, "\"/proc/self/fd/\u{1}\"", fstype, flags, data);
        let mut parts = whole.splitn(2, '\u{1}').map(str::to_owned);
        call.text = vec![
            Piece::Text(parts.next().unwrap_or_default()),
            Piece::Slot(target),
            Piece::Text(parts.next().unwrap_or_default()),
        ];
        call
    }

    fn mount_on(
        target: Arg,
        source: Option<&str>,
        fstype: Option<&str>,
        flags: &[&str],
        data: Option<&str>,
    ) -> Self {
        let bits = flags
            .iter()
            .filter_map(|flag| MOUNT_FLAGS.iter().find(|(name, _)| name == flag))
            .fold(0, |bits, (_, bit)| bits | bit);
        let string = |text: Option<&str>| text.map_or(Arg::Null, |text| Arg::Str(c(text)));
        let args = vec![string(source), target, string(fstype), Arg::Int(bits as i64), string(data)];
        Self::new(libc::SYS_mount, "mount", args, "")
    }

    /// umount2(2) with `MNT_DETACH`.
    pub fn detach(target: &str) -> Self {
        let args = vec![Arg::Str(c(target)), Arg::Int(libc::MNT_DETACH.into())];
        Self::new(libc::SYS_umount2, "umount2", args, format!("{}, MNT_DETACH", quoted(target)))
    }

    /// chroot(2).
    pub fn chroot(path: &str) -> Self {
        Self::new(libc::SYS_chroot, "chroot", vec![Arg::Str(c(path))], quoted(path))
    }

    /// chdir(2).
    pub fn chdir(path: &str) -> Self {
        Self::new(libc::SYS_chdir, "chdir", vec![Arg::Str(c(path))], quoted(path))
    }

    /// pivot_root(2) of the working directory onto itself: the old root is then mounted over the new one.
    pub fn pivot_here() -> Self {
        let args = vec![Arg::Str(c(".")), Arg::Str(c("."))];
        Self::new(libc::SYS_pivot_root, "pivot_root", args, "\".\", \".\"")
    }

    /// sethostname(2).
    pub fn sethostname(name: &str) -> Self {
        let args = vec![Arg::Str(c(name)), Arg::Int(name.len() as i64)];
        Self::new(libc::SYS_sethostname, "sethostname", args, format!("{}, {}", quoted(name), name.len()))
    }

    /// unshare(2) of the cgroup namespace.
    pub fn unshare_cgroup() -> Self {
        let args = vec![Arg::Int(libc::CLONE_NEWCGROUP.into())];
        Self::new(libc::SYS_unshare, "unshare", args, "CLONE_NEWCGROUP")
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
        let mut call = Self::new(libc::SYS_openat2, "openat2", args, "");
        call.text = vec![
            Piece::Slot(root),
            Piece::Text(format!(
                ", {}, {{flags={named}, resolve=RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT}}, 24",
                quoted(relative)
            )),
        ];
        call
    }

    /// openat(2) of a directory as a place (`O_PATH`), the last component not a link.
    pub fn open_directory(path: &str) -> Self {
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let args = vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into())];
        let text = format!("AT_FDCWD, {}, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC|O_PATH", quoted(path));
        Self::new(libc::SYS_openat, "openat", args, text)
    }

    /// openat(2) for writing.
    pub fn open_to_write(path: &str) -> Self {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let args = vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into())];
        Self::new(libc::SYS_openat, "openat", args, format!("AT_FDCWD, {}, O_WRONLY|O_CLOEXEC", quoted(path)))
    }

    /// write(2) to the descriptor in a slot.
    pub fn write_slot(slot: Slot, text: &str) -> Self {
        let args = vec![Arg::Slot(slot), Arg::Bytes(text.as_bytes().to_vec()), Arg::Int(text.len() as i64)];
        let mut call = Self::new(libc::SYS_write, "write", args, "");
        call.text = vec![Piece::Slot(slot), Piece::Text(format!(", {}, {}", quoted(text), text.len()))];
        call
    }

    /// write(2) to a descriptor that rlab opened.
    pub fn write_fd(fd: i32, text: &str) -> Self {
        let args =
            vec![Arg::Int(fd.into()), Arg::Bytes(text.as_bytes().to_vec()), Arg::Int(text.len() as i64)];
        Self::new(libc::SYS_write, "write", args, format!("{fd}, {}, {}", quoted(text), text.len()))
    }

    /// mkdirat(2) in the directory in a slot, or by path where there is none.
    pub fn mkdir(below: Option<Slot>, path: &str) -> Self {
        let args = vec![at(below), Arg::Str(c(path)), Arg::Int(0o755)];
        let mut call = Self::new(libc::SYS_mkdirat, "mkdirat", args, "");
        call.text = vec![at_text(below), Piece::Text(format!(", {}, 0755", quoted(path)))];
        call
    }

    /// mknodat(2) of an empty regular file, to bind something on.
    pub fn mkfile(below: Option<Slot>, path: &str) -> Self {
        let mode = libc::S_IFREG | 0o644;
        let args = vec![at(below), Arg::Str(c(path)), Arg::Int(mode.into()), Arg::Int(0)];
        let mut call = Self::new(libc::SYS_mknodat, "mknodat", args, "");
        call.text = vec![at_text(below), Piece::Text(format!(", {}, S_IFREG|0644", quoted(path)))];
        call
    }

    /// openat(2) of a new file, for writing.
    pub fn create(path: &str) -> Self {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let args =
            vec![Arg::Int(libc::AT_FDCWD.into()), Arg::Str(c(path)), Arg::Int(flags.into()), Arg::Int(0o644)];
        let text = format!("AT_FDCWD, {}, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644", quoted(path));
        Self::new(libc::SYS_openat, "openat", args, text)
    }

    /// symlinkat(2).
    pub fn symlink(target: &str, path: &str) -> Self {
        let args = vec![Arg::Str(c(target)), at(None), Arg::Str(c(path))];
        let text = format!("{}, AT_FDCWD, {}", quoted(target), quoted(path));
        Self::new(libc::SYS_symlinkat, "symlinkat", args, text)
    }

    /// move_mount(2): attaches the detached mount behind a descriptor of rlab's at a path.
    pub fn attach(fd: i32, target: &str) -> Self {
        let mut call = Self::move_mount(fd, Arg::Int(libc::AT_FDCWD.into()), target, MOVE_MOUNT_F_EMPTY_PATH);
        let text = format!("{fd}, \"\", AT_FDCWD, {}, MOVE_MOUNT_F_EMPTY_PATH", quoted(target));
        call.text = vec![Piece::Text(text)];
        call
    }

    /// move_mount(2) on the descriptor in a slot.
    pub fn attach_fd(fd: i32, target: Slot) -> Self {
        let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
        let mut call = Self::move_mount(fd, Arg::Slot(target), "", flags);
        call.text = vec![
            Piece::Text(format!("{fd}, \"\", ")),
            Piece::Slot(target),
            Piece::Text(", \"\", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH".to_owned()),
        ];
        call
    }

    fn move_mount(fd: i32, at: Arg, target: &str, flags: i64) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Str(c("")), at, Arg::Str(c(target)), Arg::Int(flags)];
        Self::new(libc::SYS_move_mount, "move_mount", args, "")
    }

    /// prctl(2) `PR_SET_PDEATHSIG` with SIGKILL.
    pub fn die_with_parent() -> Self {
        let args = vec![Arg::Int(libc::PR_SET_PDEATHSIG.into()), Arg::Int(libc::SIGKILL.into())];
        Self::new(libc::SYS_prctl, "prctl", args, "PR_SET_PDEATHSIG, SIGKILL")
    }

    /// prctl(2) `PR_CAPBSET_DROP`: the capability can never be had again.
    pub fn drop_from_bounding_set(number: u8, name: &str) -> Self {
        let args = vec![Arg::Int(libc::PR_CAPBSET_DROP.into()), Arg::Int(number.into())];
        Self::new(libc::SYS_prctl, "prctl", args, format!("PR_CAPBSET_DROP, {name}"))
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
        Self::new(libc::SYS_capset, "capset", vec![Arg::Bytes(header), Arg::Bytes(data)], text)
    }

    /// dup3(2) of a descriptor of rlab's onto standard input, output or error.
    pub fn redirect(fd: i32, onto: i32) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Int(onto.into()), Arg::Int(0)];
        Self::new(libc::SYS_dup3, "dup3", args, format!("{fd}, {onto}, 0")).quiet()
    }

    /// setsid(2): away from the learner's terminal.
    pub fn setsid() -> Self {
        Self::new(libc::SYS_setsid, "setsid", Vec::new(), "").quiet()
    }

    /// ioctl(2) `TIOCSCTTY`: the terminal becomes that of the new session, whose leader this is.
    pub fn controlling_terminal(fd: i32) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Int(libc::TIOCSCTTY as i64), Arg::Int(0)];
        Self::new(libc::SYS_ioctl, "ioctl", args, format!("{fd}, TIOCSCTTY, 0")).quiet()
    }

    /// rt_sigaction(2): the default again. Rust ignores SIGPIPE, and an ignored signal stays ignored over execve.
    pub fn default_signal(signal: i32) -> Self {
        // struct kernel_sigaction of zeros: SIG_DFL, no flags, no restorer, empty mask.
        let args = vec![Arg::Int(signal.into()), Arg::Bytes(vec![0; 32]), Arg::Null, Arg::Int(8)];
        Self::new(libc::SYS_rt_sigaction, "rt_sigaction", args, "").quiet()
    }

    /// rt_sigprocmask(2): no signal blocked.
    pub fn unblock_signals() -> Self {
        let args = vec![Arg::Int(libc::SIG_SETMASK.into()), Arg::Bytes(vec![0; 8]), Arg::Null, Arg::Int(8)];
        Self::new(libc::SYS_rt_sigprocmask, "rt_sigprocmask", args, "").quiet()
    }

    /// close_range(2): every descriptor from 3 on closes at execve, whoever opened it (the class of CVE-2024-21626).
    pub fn close_on_exec_from_3() -> Self {
        let args = vec![Arg::Int(3), Arg::Int(u32::MAX.into()), Arg::Int(libc::CLOSE_RANGE_CLOEXEC.into())];
        Self::new(libc::SYS_close_range, "close_range", args, "3, 4294967295, CLOSE_RANGE_CLOEXEC").quiet()
    }

    /// execve(2).
    pub fn execve(path: &str, argv: &[String], environment: &[String]) -> Self {
        let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
        let text = format!("{}, [{}], …", quoted(path), words.join(", "));
        let args = vec![
            Arg::Str(c(path)),
            Arg::Strings(Strings::new(argv)),
            Arg::Strings(Strings::new(environment)),
        ];
        Self::new(libc::SYS_execve, "execve", args, text)
    }
}

fn at(below: Option<Slot>) -> Arg {
    below.map_or(Arg::Int(libc::AT_FDCWD.into()), Arg::Slot)
}

fn at_text(below: Option<Slot>) -> Piece {
    below.map_or_else(|| Piece::Text("AT_FDCWD".to_owned()), Piece::Slot)
}

fn mount_text(
    source: Option<&str>,
    target: &str,
    fstype: Option<&str>,
    flags: &[&str],
    data: Option<&str>,
) -> String {
    let string = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), quoted);
    let flags = if flags.is_empty() { "0".to_owned() } else { flags.join("|") };
    format!("{}, {target}, {}, {flags}, {}", string(source), string(fstype), string(data))
}

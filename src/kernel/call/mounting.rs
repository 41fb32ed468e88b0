//! Calls that change what is mounted where. Sources: mount(2), move_mount(2), umount2(2), pivot_root(2).

use super::{Arg, Piece, Slot, Syscall, c};

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

impl Syscall {
    /// mount(2). `flags` are names; unknown ones are left out (the plan only knows known ones).
    pub fn mount(
        source: Option<&str>,
        target: &str,
        fstype: Option<&str>,
        flags: &[&str],
        data: Option<&str>,
    ) -> Self {
        Self::mount_on(Arg::Str(c(target)), source, fstype, flags, data)
    }

    /// mount(2) on the file descriptor in a slot, by its name under /proc/self/fd.
    pub fn mount_fd(
        source: Option<&str>,
        target: Slot,
        fstype: Option<&str>,
        flags: &[&str],
        data: Option<&str>,
    ) -> Self {
        Self::mount_on(Arg::FdPath(target), source, fstype, flags, data)
    }

    /// mount(2) of what the descriptor in a slot is open on, by its name under /proc/self/fd.
    pub fn mount_from_fd(source: Slot, target: &str, flags: &[&str]) -> Self {
        let mut call = Self::mount(None, target, None, flags, None);
        if let Some(from) = call.args.first_mut() {
            *from = Arg::FdPath(source);
        }
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
        let flags: Piece = if flags.is_empty() { "0".into() } else { flags.join("|").into() };
        let text = texts!(Arg(0), ", ", Arg(1), ", ", Arg(2), ", ", flags, ", ", Arg(4));
        Self::new(libc::SYS_mount, "mount", args, text)
    }

    /// umount2(2) with `MNT_DETACH`.
    pub fn detach(target: &str) -> Self {
        let args = vec![Arg::Str(c(target)), Arg::Int(libc::MNT_DETACH.into())];
        Self::new(libc::SYS_umount2, "umount2", args, texts!(Arg(0), ", MNT_DETACH"))
    }

    /// pivot_root(2) of the working directory onto itself: the old root is then mounted over the new one.
    pub fn pivot_here() -> Self {
        let args = vec![Arg::Str(c(".")), Arg::Str(c("."))];
        Self::new(libc::SYS_pivot_root, "pivot_root", args, texts!(Arg(0), ", ", Arg(1)))
    }

    /// move_mount(2): attaches the detached mount behind a descriptor of rlab's at a path.
    pub fn attach(fd: i32, target: &str) -> Self {
        let text = texts!(Arg(0), ", \"\", AT_FDCWD, ", Arg(3), ", MOVE_MOUNT_F_EMPTY_PATH");
        Self::move_mount(fd, Arg::Int(libc::AT_FDCWD.into()), target, MOVE_MOUNT_F_EMPTY_PATH, text)
    }

    /// move_mount(2) on the descriptor in a slot.
    pub fn attach_fd(fd: i32, target: Slot) -> Self {
        let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
        let text =
            texts!(Arg(0), ", \"\", ", Arg(2), ", \"\", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH");
        Self::move_mount(fd, Arg::Slot(target), "", flags, text)
    }

    fn move_mount(fd: i32, at: Arg, target: &str, flags: i64, text: Vec<Piece>) -> Self {
        let args = vec![Arg::Int(fd.into()), Arg::Str(c("")), at, Arg::Str(c(target)), Arg::Int(flags)];
        Self::new(libc::SYS_move_mount, "move_mount", args, text)
    }
}

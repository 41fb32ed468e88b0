//! The parts of the script that are the same for every recipe.

use crate::recipe::ingredient::Tools;

/// Where a limit may kill PID 1 of a namespace.
pub(super) const KILLED: &str =
    "# A kill is status 137; unshare(1) up to 2.38 tells it as 1, \"sigprocmask unblock failed\".\n";

/// A function for the part inside.
pub(super) const PLACE: &str = r#"# A mount needs a place: a directory for a directory, a file for a file.
place() {
    if [ -d "$1" ]; then
        mkdir -p "$2"
    elif [ ! -e "$2" ]; then
        mkdir -p "$(dirname "$2")"
        touch "$2"
    fi
}
"#;

/// The change of the root where the program is not to have what it takes. pivot_root(2) changes the root of every
/// process of the mount namespace that had the old one.
pub(super) const CHANGE_BY_ANOTHER: &str = r#"# The change of the root wants CAP_SYS_ADMIN: another process makes it for this one, which has given it up by then.
mkfifo "$root/ready"
(
    exec 3>"$root/ready"
    {change}rm /ready
    echo >&3
) &
helper=$!
export helper
exec setpriv --bounding-set {names} --inh-caps {names} sh -euc '
exec 3<"$root/ready"
read -r _ <&3
exec 3<&-
# It leaves no zombie: a shell that waits for a child of its own collects every other, too.
while kill -0 "$helper" 2>/dev/null; do (:); done
cd /
exec "$@"' sh "$@"
"#;

/// The lines that fill `$root`.
pub(super) fn rootfs(tools: Tools) -> String {
    let begin = r#"
chmod 755 "$root"
mkdir "$root/bin" "$root/dev" "$root/etc" "$root/proc" "$root/sys"
"#;
    let busybox = r#"busybox=$(command -v busybox) || { echo "install busybox-static, or use rootfs host" >&2; exit 1; }
# BusyBox's own shell names itself without a path.
case $busybox in /*) ;; *) busybox=/proc/$$/exe ;; esac
if ldd "$busybox" >/dev/null 2>&1; then
    echo "$busybox needs libraries: install a static one (busybox-static)" >&2
    exit 1
fi
cp "$busybox" "$root/bin/busybox"
for tool in $(busybox --list); do
    [ "$tool" = busybox ] || ln -s busybox "$root/bin/$tool"
done
"#;
    let host = r#"# The machine's own tools, each with the libraries that it names.
for tool in sh ps ls cat head tail wc grep sort seq echo printf test true false sleep env id \
    hostname uname mount umount mkdir rmdir rm touch cp mv ln chmod kill dd stat; do
    path=$(command -v "$tool") || continue
    case $path in /*) ;; *) path=$(command -v "/bin/$tool") || continue ;; esac
    cp -L "$path" "$root/bin/$tool"
    for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ )]*'); do
        mkdir -p "$root$(dirname "$library")"
        [ -e "$root$library" ] || cp -L "$library" "$root$library"
    done
done
"#;
    let image = "# The layers of an image are no line of a script: BusyBox stands in for them.\n";
    match tools {
        Tools::Host => format!("{begin}{host}"),
        Tools::Image => format!("{begin}{image}{busybox}"),
        Tools::Any | Tools::Busybox => format!("{begin}{busybox}"),
    }
}

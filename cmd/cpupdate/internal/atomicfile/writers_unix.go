//go:build !windows

package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may have, as on Linux.
const maxLinks = 40

// othersWho returns by which files and folders on the way to a file other users can change or replace it. It follows links
// itself: whoever can replace a link can replace the file.
func othersWho(path string) ([]writerFault, error) {
	full := path
	if !filepath.IsAbs(path) { // filepath.Abs would drop x/.. even where x is a link
		folder, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		full = folder + "/" + path
	}
	w := walk{uid: os.Getuid(), folder: string(filepath.Separator), file: full}
	info, err := os.Lstat(w.folder)
	if err != nil {
		return nil, err
	}
	for w.rest = parts(full); len(w.rest) > 0; {
		next, err := w.step(info)
		if next == nil || err != nil {
			return w.faults, err
		}
		info = next
	}
	w.checkEnd(info)
	return w.faults, nil
}

// A walk follows a path from the root.
type walk struct {
	uid    int
	file   string   // the path as it was given
	folder string   // how far it came: a path without links
	rest   []string // what is left of the path
	links  int
	faults []writerFault
}

// step goes one name further. It returns nil where nothing is left to check.
func (w *walk) step(folder fs.FileInfo) (fs.FileInfo, error) {
	name := w.rest[0]
	w.rest = w.rest[1:]
	switch {
	case name == ".":
		return folder, nil
	case name == "..":
		w.folder = filepath.Dir(w.folder)
		return os.Lstat(w.folder)
	case w.descriptors():
		return nil, nil //nolint:nilnil // an open file of this process has no path that others could change
	}
	path := filepath.Join(w.folder, name)
	info, err := os.Lstat(path)
	if err != nil {
		w.checkEnd(folder)
		return nil, nil //nolint:nilerr,nilnil // whoever opens the file reports it
	}
	link := info.Mode()&fs.ModeSymlink != 0
	w.checkFolder(folder, path, info, link)
	if !link {
		w.folder = path
		return info, nil
	}
	if w.links++; w.links > maxLinks {
		return nil, syscall.ELOOP
	}
	target, err := os.Readlink(path)
	if err != nil {
		return nil, err
	}
	w.rest = append(parts(target), w.rest...)
	if filepath.IsAbs(target) {
		w.folder = string(filepath.Separator)
		return os.Lstat(w.folder)
	}
	return folder, nil
}

// descriptors reports whether the walk is in a folder that lists this process's open files, such as /dev/fd.
func (w *walk) descriptors() bool {
	return w.folder == "/dev/fd" || strings.HasPrefix(w.folder, "/proc/") && filepath.Base(w.folder) == "fd"
}

// checkFolder checks a folder on the way, and the entry that the way leads through.
func (w *walk) checkFolder(folder fs.FileInfo, path string, entry fs.FileInfo, link bool) {
	w.checkOwner(w.folder, folder)
	if !w.othersWrite(folder) {
		return
	}
	if folder.Mode()&fs.ModeSticky == 0 {
		w.addMode(folder, fmt.Sprintf("users other than its owner can replace it: %s has mode %03o", w.folder, folder.Mode().Perm()))
		return
	}
	if link { // in a sticky folder, an entry can be replaced by its owner
		w.checkOwner(path, entry)
	}
}

// checkEnd checks what the path leads to.
func (w *walk) checkEnd(info fs.FileInfo) {
	w.checkOwner(w.folder, info)
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	if sticky || info.Mode()&fs.ModeCharDevice != 0 || !w.othersWrite(info) {
		return
	}
	problem := fmt.Sprintf("users other than its owner can change it (mode %03o)", info.Mode().Perm())
	if info.IsDir() && w.folder != w.file {
		problem = fmt.Sprintf("users other than its owner can replace it: %s has mode %03o", w.folder, info.Mode().Perm())
	}
	w.addMode(info, problem)
}

// checkOwner checks that a file or folder belongs to this user or root.
func (w *walk) checkOwner(path string, info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 || int(stat.Uid) == w.uid || info.IsDir() && unmapped(stat.Uid) {
		return
	}
	subject := path
	if path == w.file {
		subject = "it"
	}
	w.add(writerFault{path, subject + " belongs to the user " + userName(stat.Uid), w.byRoot("chown -h " + userName(uint32(w.uid)))}) //nolint:gosec // a user ID has 32 bits
}

// addMode adds the fault that the mode of what the walk has reached is wrong.
func (w *walk) addMode(info fs.FileInfo, problem string) {
	command := "chmod go-w"
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != w.uid {
		command = w.byRoot(command)
	}
	w.add(writerFault{w.folder, problem, command})
}

// add adds a fault, once.
func (w *walk) add(f writerFault) {
	if !slices.Contains(w.faults, f) {
		w.faults = append(w.faults, f)
	}
}

// byRoot returns the command as root has to run it.
func (w *walk) byRoot(command string) string {
	if w.uid == 0 {
		return command
	}
	return "sudo " + command
}

// othersWrite reports whether the mode lets other users write. A group that has no member but its owner is not others.
func (w *walk) othersWrite(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if mode&0o002 != 0 {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return mode&0o020 != 0 && (!ok || int(stat.Uid) != w.uid || !privateGroup(stat.Uid, stat.Gid))
}

// privateGroup reports whether the group is the user's own, as many Linux systems create one for each user: it has the user's
// name, and no other member. Groups that are not in the system's files are not private.
func privateGroup(uid, gid uint32) bool {
	if uid == 0 {
		return false
	}
	own, ownGroup := "", false
	for _, f := range fieldsOf("/etc/passwd", 4) { // name:password:uid:gid
		switch {
		case f[2] == id(uid) && f[3] == id(gid):
			own = f[0]
		case f[3] == id(gid):
			return false
		}
	}
	for _, f := range fieldsOf("/etc/group", 4) { // name:password:gid:members
		if f[2] == id(gid) {
			ownGroup = own != "" && f[0] == own && (f[3] == "" || f[3] == own)
		}
	}
	return ownGroup
}

// unmapped reports whether a user namespace, as containers use it, shows this user in the place of all whom it does not know,
// the real root among them. No file in the namespace can belong to this user itself.
func unmapped(uid uint32) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil || strings.TrimSpace(string(overflow)) != id(uid) {
		return false
	}
	ranges, err := os.ReadFile("/proc/self/uid_map")
	for line := range strings.Lines(string(ranges)) {
		var first, outside, count uint64
		if n, _ := fmt.Sscan(line, &first, &outside, &count); n == 3 && uint64(uid) >= first && uint64(uid) < first+count {
			return false
		}
	}
	return err == nil
}

// fieldsOf returns the lines of a file that have at least that many fields between colons.
func fieldsOf(name string, atLeast int) [][]string {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) >= atLeast {
			all = append(all, fields)
		}
	}
	return all
}

// userName returns the name of a user, or the number where there is none.
func userName(uid uint32) string {
	if u, err := user.LookupId(id(uid)); err == nil {
		return u.Username
	}
	return id(uid)
}

func id(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// parts returns the names in a path.
func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

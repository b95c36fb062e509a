package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Types of control group file systems.
const (
	cgroupV1 = "cgroup"
	cgroupV2 = "cgroup2"
)

// leaf is the group of the node's own programs. In version 2 a group whose children are limited
// holds no process itself (cgroups(7), "no internal processes").
const leaf = "node"

// hierarchy is one mounted file system of control groups: the one of version 2, or one of those of
// version 1, for one or a few controllers.
type hierarchy struct {
	mount string
	kind  string
	// data are the mount options that choose the controllers.
	data string
}

// hierarchies lists what is mounted.
func hierarchies() ([]hierarchy, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseHierarchies(string(text)), nil
}

// parseHierarchies reads /proc/PID/mountinfo (proc_pid_mountinfo(5)): the mount point is field 5; the
// type, the source and the options of the file system follow a field "-".
func parseHierarchies(mountinfo string) []hierarchy {
	var found []hierarchy
	for _, line := range strings.Split(mountinfo, "\n") {
		before, after, _ := strings.Cut(line, " - ")
		mount, system := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(system) < 3 || (system[0] != cgroupV1 && system[0] != cgroupV2) {
			continue
		}
		options := slices.DeleteFunc(strings.Split(system[2], ","), func(option string) bool {
			return option == "rw" || option == "ro" || system[0] == cgroupV2
		})
		found = append(found, hierarchy{mount: mount[4], kind: system[0], data: strings.Join(options, ",")})
	}
	return found
}

// enterCgroup moves this process into a group of its own in every hierarchy, and makes that the root
// of what it sees: everything that a cluster runs lies below. It must be called on a locked thread,
// and holds for the programs started from that thread.
func enterCgroup(name string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, each := range all {
		if err := each.enter(name); err != nil {
			return err
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("making a namespace of control groups: %w", err)
	}
	for _, each := range all {
		if each.kind == cgroupV2 {
			if err := each.enter(filepath.Join(name, leaf)); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter makes a group and moves this process into it.
func (h hierarchy) enter(name string) error {
	group := filepath.Join(h.mount, name)
	if h.kind == cgroupV2 {
		// Where the controllers are version 1's, there is nothing to delegate.
		_ = delegate(filepath.Dir(group))
	}
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// A new group of the version 1 controller cpuset is empty, and takes no process before it is not.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(group), file))
		if h.kind == cgroupV2 || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(group, file), value, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("entering control group %s: %w", group, err)
	}
	return nil
}

// delegate lets the children of a version 2 group use all its controllers.
func delegate(group string) error {
	controllers, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var enable []string
	for _, controller := range strings.Fields(string(controllers)) {
		enable = append(enable, "+"+controller)
	}
	return os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte(strings.Join(enable, " ")), 0o644)
}

// mountCgroups mounts the hierarchies anew, as this process's namespace sees them.
func mountCgroups() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, each := range all {
		// The kernel refuses the same file system on top of itself.
		if err := unix.Unmount(each.mount, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmounting %s: %w", each.mount, err)
		}
		const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
		if err := unix.Mount("cgroup", each.mount, each.kind, flags, each.data); err != nil {
			return fmt.Errorf("mounting %s (%s): %w", each.mount, each.data, err)
		}
	}
	return nil
}

// RemoveCgroups removes the group and those below it. Unlike interfaces and mounts, control groups
// outlive the namespaces. Processes that are about to end get until the limit to do so.
func RemoveCgroups(name string, limit time.Duration) error {
	if strings.Trim(name, "/") == "" {
		return errors.New("the root of the control groups stays")
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(limit)
	for _, each := range all {
		err := removeGroups(filepath.Join(each.mount, name))
		for errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
			err = removeGroups(filepath.Join(each.mount, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeGroups removes a group after those below it. Its files are the kernel's and go with it.
func removeGroups(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeGroups(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing control group %s: %w", dir, err)
	}
	return nil
}

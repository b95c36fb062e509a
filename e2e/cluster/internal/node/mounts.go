package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatewright.dev/e2e/cluster/internal/layout"
	"golang.org/x/sys/unix"
)

// overlayMagic is the type of a file system that overlayfs cannot take as its upper layer.
const overlayMagic = 0x794c7630

// mounts gives the node its own /run, its own copy of each folder whose path a program has built in,
// and, where the cluster has a DNS server, the settings of a resolver that asks it.
func mounts(cluster layout.Cluster, dns bool) error {
	resolver, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	for target, name := range map[string]string{
		"/var/lib/kubelet": "kubelet",
		"/var/lib/cni":     "cni",
		"/var/log":         "logs/node",
	} {
		if err := bind(cluster.Path(name), target); err != nil {
			return err
		}
	}
	// On many machines the file is a link into /run, which is empty now.
	if !dns || resolver == "" || strings.HasPrefix(resolver, "/run/") {
		return nil
	}
	if err := unix.Mount(cluster.Config("node-resolv.conf"), resolver, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting over %s: %w", resolver, err)
	}
	return nil
}

func bind(source, target string) error {
	for _, dir := range []string{source, target} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting over %s: %w", target, err)
	}
	return nil
}

// Snapshotter is the one that works in the folder: overlayfs, unless the folder itself lies on an
// overlay, as in most containers.
func Snapshotter(dir string) (string, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	if stat.Type == overlayMagic {
		return "native", nil
	}
	return "overlayfs", nil
}

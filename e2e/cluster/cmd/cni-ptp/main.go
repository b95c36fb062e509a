// Command cni-ptp is the CNI plugin `ptp` for networks without duplicate addresses: it turns off
// their detection in the new pod, which otherwise makes every pod with an IPv6 address wait for
// more than a second, and then becomes the plugin. See
// https://github.com/containernetworking/cni/blob/spec-v0.4.0/SPEC.md for the environment.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// plugin that does the work.
const plugin = "ptp"

func main() {
	err := run()
	// The error object of the specification; 999 is in the range of plugins' own codes.
	fmt.Printf("{\"cniVersion\":\"0.4.0\",\"code\":999,\"msg\":%q}\n", err.Error())
	os.Exit(1)
}

func run() error {
	if namespace := os.Getenv("CNI_NETNS"); os.Getenv("CNI_COMMAND") == "ADD" && namespace != "" {
		done := make(chan error, 1)
		go func() { done <- skipDetection(namespace) }()
		if err := <-done; err != nil {
			return fmt.Errorf("turning off the detection of duplicate addresses: %w", err)
		}
	}
	for _, folder := range filepath.SplitList(os.Getenv("CNI_PATH")) {
		path := filepath.Join(folder, plugin)
		if err := syscall.Exec(path, []string{path}, os.Environ()); !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return fmt.Errorf("there is no plugin %s in %q", plugin, os.Getenv("CNI_PATH"))
}

// skipDetection writes the settings of a network namespace. Its thread enters the namespace and is
// never used again.
func skipDetection(namespace string) error {
	runtime.LockOSThread()
	file, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	for _, name := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/accept_dad", []byte("0"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

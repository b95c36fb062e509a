// Package images writes container images without a daemon.
package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"sort"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is one to be made: a file system from scratch and how to run it.
type Image struct {
	// Tags it is known by, such as registry.k8s.io/pause:3.10.
	Tags []string
	// Files maps absolute paths in the image to files of the machine; all become executable.
	Files map[string]string
	// Entrypoint of the container.
	Entrypoint []string
	// Env holds NAME=VALUE settings; PATH is always set.
	Env []string
	// User the container runs as (uid or uid:gid); empty for root.
	User string
}

// Binary is an image of one static program, which lies at / under its own name.
func Binary(program string, tags ...string) Image {
	inside := "/" + path.Base(program)
	return Image{Tags: tags, Files: map[string]string{inside: program}, Entrypoint: []string{inside}}
}

// WriteArchive saves the image in the form that `docker save` writes and every runtime loads. The
// result depends on nothing but the image, save the order of several tags. A file is replaced only once the new one is complete.
func WriteArchive(archive string, image Image) error {
	built, err := build(image)
	if err != nil {
		return err
	}
	if len(image.Tags) == 0 {
		return fmt.Errorf("an image needs a tag, such as example.com/name:v1")
	}
	refs := map[name.Reference]v1.Image{}
	for _, text := range image.Tags {
		tag, err := name.NewTag(text)
		if err != nil {
			return fmt.Errorf("tag %q: %w", text, err)
		}
		refs[tag] = built
	}
	partial := archive + ".partial"
	if err := tarball.MultiRefWriteToFile(partial, refs); err != nil {
		return err
	}
	return os.Rename(partial, archive)
}

func build(image Image) (v1.Image, error) {
	content, err := layer(image.Files)
	if err != nil {
		return nil, err
	}
	made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	if err != nil {
		return nil, err
	}
	built, err := mutate.AppendLayers(empty.Image, made)
	if err != nil {
		return nil, err
	}
	file, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = runtime.GOARCH, "linux"
	file.Config.Entrypoint = image.Entrypoint
	file.Config.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, image.Env...)
	file.Config.User = image.User
	return mutate.ConfigFile(built, file)
}

// layer is a tar of the files, and of the folders above them.
func layer(files map[string]string) ([]byte, error) {
	inside := make([]string, 0, len(files))
	for file := range files {
		if !path.IsAbs(file) || path.Clean(file) != file {
			return nil, fmt.Errorf("path %q in the image: want an absolute one without . and ..", file)
		}
		inside = append(inside, file)
	}
	sort.Strings(inside)
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	made := map[string]bool{}
	for _, file := range inside {
		if err := folders(writer, path.Dir(file), made); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(files[file])
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: strings.TrimPrefix(file, "/"), Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func folders(writer *tar.Writer, dir string, made map[string]bool) error {
	if dir == "/" || made[dir] {
		return nil
	}
	if err := folders(writer, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return writer.WriteHeader(&tar.Header{Name: strings.TrimPrefix(dir, "/") + "/", Typeflag: tar.TypeDir, Mode: 0o755})
}

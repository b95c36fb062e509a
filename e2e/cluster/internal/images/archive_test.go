package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(path, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnArchiveHoldsTheProgramUnderAllTags(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	tags := []string{"example.com/server:v1", "example.com/server:v2"}
	image := Binary(program(t), tags...)
	image.User = "65532:65532"
	if err := WriteArchive(archive, image); err != nil {
		t.Fatal(err)
	}
	for _, text := range tags {
		tag, err := name.NewTag(text)
		if err != nil {
			t.Fatal(err)
		}
		read, err := tarball.ImageFromPath(archive, &tag)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		config, err := read.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != "linux" || config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/server"}) {
			t.Errorf("%s: config %+v", text, config)
		}
		layers, err := read.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%s: %d layers, %v", text, len(layers), err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		entries := list(t, content)
		if len(entries) != 1 || entries[0] != "server rwx a program" {
			t.Errorf("%s: %q", text, entries)
		}
	}
}

// list describes the entries of a tar.
func list(t *testing.T, stream io.Reader) []string {
	t.Helper()
	var entries []string
	reader := tar.NewReader(stream)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		mode := "?"
		if header.Mode == 0o755 {
			mode = "rwx"
		}
		entries = append(entries, header.Name+" "+mode+" "+string(content))
	}
}

func TestFoldersComeBeforeTheirFiles(t *testing.T) {
	file := program(t)
	content, err := layer(map[string]string{"/usr/bin/b": file, "/usr/bin/a": file, "/top": file})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"top rwx a program", "usr/ rwx ", "usr/bin/ rwx ", "usr/bin/a rwx a program", "usr/bin/b rwx a program"}
	if got := list(t, bytes.NewReader(content)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestEqualImagesAreEqualFiles(t *testing.T) {
	file := program(t)
	var archives [2][]byte
	for i := range archives {
		path := filepath.Join(t.TempDir(), "image.tar")
		err := WriteArchive(path, Binary(file, "example.com/server:v1"))
		if err != nil {
			t.Fatal(err)
		}
		if archives[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("they differ")
	}
}

func TestImagesThatCannotBeMadeAreRefused(t *testing.T) {
	file := program(t)
	for what, image := range map[string]Image{
		"no tag":          Binary(file),
		"a bad tag":       Binary(file, "UPPER CASE"),
		"no such program": Binary(file+"x", "example.com/server:v1"),
		"a relative path": {Tags: []string{"a:b"}, Files: map[string]string{"server": file}},
		"a path upwards":  {Tags: []string{"a:b"}, Files: map[string]string{"/a/../server": file}},
	} {
		if err := WriteArchive(filepath.Join(t.TempDir(), "image.tar"), image); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

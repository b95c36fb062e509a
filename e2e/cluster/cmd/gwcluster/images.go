package main

import (
	"fmt"
	"os"
	"path/filepath"

	"gatewright.dev/e2e/cluster/internal/images"
	"gatewright.dev/e2e/cluster/internal/node"
	"github.com/spf13/cobra"
)

func packCommand() *cobra.Command {
	var image images.Image
	var archive, at string
	var files map[string]string
	command := &cobra.Command{
		Use:   "pack BINARY --tag NAME:TAG --archive FILE",
		Short: "Make an image of one program: a static one, or with its libraries as other files",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			binary := images.Binary(args[0], image.Tags...)
			binary.User = image.User
			if at != "" {
				binary.Files, binary.Entrypoint = map[string]string{at: args[0]}, []string{at}
			}
			for inside, file := range files {
				binary.Files[inside] = file
			}
			return images.WriteArchive(archive, binary)
		},
	}
	command.Flags().StringArrayVar(&image.Tags, "tag", nil, "name and tag of the image (repeatable)")
	command.Flags().StringVar(&image.User, "user", "", "user (uid or uid:gid) that the container runs as")
	command.Flags().StringVar(&at, "at", "", "where the program lies in the image; by default at / under its own name")
	command.Flags().StringToStringVar(&files, "file", nil, "another file of the image, as PATH=FILE (repeatable)")
	command.Flags().StringVar(&archive, "archive", "", "docker-archive to write")
	return command
}

func loadCommand(flags *common) *cobra.Command {
	var image images.Image
	command := &cobra.Command{
		Use:   "load-image ARCHIVE | BINARY --tag NAME:TAG",
		Short: "Bring an image (a docker-archive, or one made of a static program) to a cluster",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cluster, err := flags.cluster()
			if err != nil {
				return err
			}
			archive := args[0]
			if len(image.Tags) > 0 {
				made, err := os.MkdirTemp(cluster.Dir, "image-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(made)
				archive = filepath.Join(made, "image.tar")
				binary := images.Binary(args[0], image.Tags...)
				binary.User = image.User
				if err := images.WriteArchive(archive, binary); err != nil {
					return err
				}
			}
			if archive, err = filepath.Abs(archive); err != nil {
				return err
			}
			snapshotter, err := node.Snapshotter(cluster.Dir)
			if err != nil {
				return err
			}
			if err := runInside(cluster, ctr("images", "import", "--snapshotter", snapshotter, archive)...); err != nil {
				return fmt.Errorf("loading %s: %w", args[0], err)
			}
			return nil
		},
	}
	command.Flags().StringArrayVar(&image.Tags, "tag", nil, "make an image of this name and tag from a static program (repeatable)")
	command.Flags().StringVar(&image.User, "user", "", "user (uid or uid:gid) that the container of a program runs as")
	return command
}

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/docker/docker/api/types/image"
)

// What holds the network of a pod is a container of its own: one of the pod's would take
// it away with its end. It does nothing, for ever, in no memory worth mentioning; so its
// image is one program of a few instructions, and needs no registry.

const pauseImage = "pacer/pause:1"

// pausePrograms wait for ever, by the engine's name of the machine.
var pausePrograms = map[string]struct {
	machine uint16 // of the ELF header
	code    []byte
}{
	"x86_64": {62, []byte{
		0xb8, 0x22, 0, 0, 0, // loop: mov eax, 34 (pause)
		0x0f, 0x05, //           syscall
		0xeb, 0xf7, //           jmp loop
	}},
	"aarch64": {183, []byte{
		0x00, 0x00, 0x80, 0xd2, // loop: mov x0, 0
		0x01, 0x00, 0x80, 0xd2, //       mov x1, 0
		0x02, 0x00, 0x80, 0xd2, //       mov x2, 0
		0x03, 0x00, 0x80, 0xd2, //       mov x3, 0
		0x28, 0x09, 0x80, 0xd2, //       mov x8, 73 (ppoll, of nothing)
		0x01, 0x00, 0x00, 0xd4, //       svc 0
		0xfa, 0xff, 0xff, 0x17, //       b loop
	}},
}

// pauseProgram is the program as an ELF file: a header, one segment, the code.
func pauseProgram(machine uint16, code []byte) []byte {
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(code))
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, field := range []any{
		uint16(2), machine, uint32(1), uint64(base + headers), uint64(64), uint64(0), uint32(0), // executable, entry, program header
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x10000), // load, read and execute
	} {
		_ = binary.Write(&b, binary.LittleEndian, field) // a Buffer takes all
	}
	b.Write(code)
	return b.Bytes()
}

// importPause gives the engine the image.
func (d *Docker) importPause(ctx context.Context) error {
	return d.pulls.do(ctx, pauseImage, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, createLimit, errSlow)
		defer cancel()
		info, err := d.api.Info(ctx)
		if err != nil {
			return explain(err)
		}
		p, ok := pausePrograms[info.Architecture]
		if !ok {
			return &fault{message: fmt.Sprintf("pods need an engine on x86_64 or aarch64, and this one is on %s", info.Architecture)}
		}
		program := pauseProgram(p.machine, p.code)
		var tree bytes.Buffer
		w := tar.NewWriter(&tree)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "pause", Mode: 0o755, Size: int64(len(program))}); err != nil {
			return err
		}
		if _, err := w.Write(program); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		out, err := d.api.ImageImport(ctx, image.ImportSource{Source: &tree, SourceName: "-"}, pauseImage, image.ImportOptions{Changes: []string{`ENTRYPOINT ["/pause"]`}})
		if err != nil {
			return fmt.Errorf("import the image that holds a pod's network: %w", explain(err))
		}
		defer out.Close()
		return progress(out, func(string) {})
	})
}

package api

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func TestPartsThatWereCompressedAloneMakeOneGzipStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []*part
		var want []byte
		for _, plain := range rapid.SliceOf(rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 300), rapid.Just(make([]byte, 70_000)))).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "stored") {
				parts = append(parts, storedParts(plain)...)
			} else {
				parts = append(parts, newPart(plain))
			}
			want = append(want, plain...)
		}

		r, err := gzip.NewReader(bytes.NewReader(gzipped(parts)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r) // checks length and CRC, too
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("want %q, got %q, %v", want, got, err)
		}
	})
}

func TestTheCRCOfALongTextFollowsFromItsParts(t *testing.T) {
	text := bytes.Repeat([]byte("a text that is longer than a window of deflate. "), 100_000)
	for _, at := range []int{0, 1, 4096, len(text) - 1, len(text)} {
		got := timesModulo(powerOfX(len(text)-at), crc32.ChecksumIEEE(text[:at])) ^ crc32.ChecksumIEEE(text[at:])
		if want := crc32.ChecksumIEEE(text); got != want {
			t.Errorf("cut at %d: want %08x, got %08x", at, want, got)
		}
	}
}

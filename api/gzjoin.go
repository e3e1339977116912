package api

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A part is a text with what it is in a gzip stream: compressed alone and ending on a
// byte, so that a stream can be put together of parts that were compressed once. What
// the stream tells of the whole, its CRC, follows from those of its parts.
type part struct {
	plain   []byte
	deflate []byte // blocks, none of them the last
	crc     uint32
	shift   uint32 // x to the power of the bits of plain, modulo the CRC's polynomial
	tag     uint64 // of plain
}

// storedParts is a short text as it is: compressing it alone would not make it shorter.
func storedParts(plain []byte) (parts []*part) {
	const most = 1<<16 - 1 // bytes of a stored block
	for len(plain) > 0 {
		n := min(len(plain), most)
		block := []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)} // RFC 1951, section 3.2.4
		parts = append(parts, &part{plain[:n], append(block, plain[:n]...), crc32.ChecksumIEEE(plain[:n]), powerOfX(n), tagOf(plain[:n])})
		plain = plain[n:]
	}
	return parts
}

var deflaters = sync.Pool{New: func() any {
	f, err := flate.NewWriter(nil, zipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return f
}}

func newPart(plain []byte) *part {
	p := &part{plain: plain, crc: crc32.ChecksumIEEE(plain), shift: powerOfX(len(plain)), tag: tagOf(plain)}
	if len(plain) == 0 {
		return p
	}
	var b bytes.Buffer
	b.Grow(len(plain)/8 + 64)
	f := deflaters.Get().(*flate.Writer)
	f.Reset(&b)
	_, err := f.Write(plain)
	if err == nil {
		err = f.Flush()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	deflaters.Put(f)
	p.deflate = bytes.Clone(b.Bytes())
	return p
}

var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255} // RFC 1952: deflate, no name, no time, any system

// gzipped is the gzip stream of all parts, one after the other.
func gzipped(parts []*part) []byte {
	size := len(gzipHeader) + 10
	for _, p := range parts {
		size += len(p.deflate)
	}
	out := append(make([]byte, 0, size), gzipHeader...)
	crc, length := uint32(0), 0
	for _, p := range parts {
		out = append(out, p.deflate...)
		crc = timesModulo(p.shift, crc) ^ p.crc
		length += len(p.plain)
	}
	out = append(out, 3, 0) // an empty last block
	out = binary.LittleEndian.AppendUint32(out, crc)
	return binary.LittleEndian.AppendUint32(out, uint32(length))
}

// Of a CRC-32, bit 31 is the coefficient of x⁰ and bit 0 that of x³¹: the CRC of a text
// followed by another is the first one times x to the bits of the second, plus the
// second's (the method of zlib's crc32_combine).

// timesModulo multiplies two polynomials over GF(2) modulo the CRC's.
func timesModulo(a, b uint32) (product uint32) {
	for m := uint32(1) << 31; m != 0 && a != 0; m >>= 1 {
		if a&m != 0 {
			product ^= b
			a &^= m
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}

// powerOfX is x to the power of the bits of so many bytes, modulo the CRC's polynomial.
func powerOfX(length int) uint32 {
	power, square := uint32(1)<<31, uint32(1)<<30 // 1, and x
	for n := uint64(length) * 8; n != 0; n >>= 1 {
		if n&1 != 0 {
			power = timesModulo(square, power)
		}
		square = timesModulo(square, square)
	}
	return power
}

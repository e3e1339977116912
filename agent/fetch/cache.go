package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cached opens what was fetched for a URI before, or fetches it and keeps it. Two that
// want the same at once both fetch it: the later one replaces the earlier whole.
func (f *Fetcher) cached(ctx context.Context, uri string, u *url.URL) (*os.File, error) {
	if err := os.MkdirAll(f.CacheDir, 0o700); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(uri))
	at := filepath.Join(f.CacheDir, hex.EncodeToString(sum[:]))
	if kept, err := os.Open(at); err == nil {
		now := time.Now()
		_ = os.Chtimes(at, now, now) // only the order of eviction depends on it
		return kept, nil
	}
	temp, err := os.CreateTemp(f.CacheDir, "part-")
	if err != nil {
		return nil, err
	}
	err = f.copyFrom(ctx, u, &bounded{w: temp, left: f.limits().Bytes, what: "it is larger"})
	if err == nil {
		err = os.Rename(temp.Name(), at)
	}
	if err == nil {
		_, err = temp.Seek(0, 0)
	}
	if err != nil {
		return nil, errors.Join(err, temp.Close(), removeIfThere(temp.Name()))
	}
	f.evict(at)
	return temp, nil
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// abandoned is when a part is nobody's any more: its agent died.
const abandoned = 24 * time.Hour

// evict makes room: what was not used for longest goes. Whoever reads it still can.
func (f *Fetcher) evict(keep string) {
	entries, err := os.ReadDir(f.CacheDir)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		if filepath.Ext(e.Name()) == "" && len(e.Name()) == 2*sha256.Size {
			files, total = append(files, info), total+info.Size()
		} else if time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(f.CacheDir, e.Name()))
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		name := filepath.Join(f.CacheDir, info.Name())
		if total <= cmp.Or(f.CacheBytes, 2<<30) {
			return
		}
		if name != keep && os.Remove(name) == nil {
			total -= info.Size()
		}
	}
}

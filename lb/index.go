package lb

import (
	"hash/maphash"
	"maps"
)

// shards of an index: a change copies one of them.
const shards = 256

var indexSeed = maphash.MakeSeed()

// An index is an immutable map. with and without return a changed copy that shares
// all but one shard with the original, so that a table of ten thousand hosts
// changes in microseconds. The zero value is empty.
type index[K comparable, V any] struct {
	shards *[shards]map[K]V
	len    int
}

func shardOf[K comparable](k K) int { return int(maphash.Comparable(indexSeed, k) % shards) }

func (ix index[K, V]) get(k K) (v V, ok bool) {
	if ix.shards == nil {
		return v, false
	}
	v, ok = ix.shards[shardOf(k)][k]
	return v, ok
}

func (ix index[K, V]) with(k K, v V) index[K, V] {
	next, shard := ix.copyFor(k)
	if _, ok := shard[k]; !ok {
		next.len++
	}
	shard[k] = v
	return next
}

func (ix index[K, V]) without(k K) index[K, V] {
	if _, ok := ix.get(k); !ok {
		return ix
	}
	next, shard := ix.copyFor(k)
	delete(shard, k)
	next.len--
	return next
}

func (ix index[K, V]) copyFor(k K) (next index[K, V], shard map[K]V) {
	next = index[K, V]{shards: new([shards]map[K]V), len: ix.len}
	if ix.shards != nil {
		*next.shards = *ix.shards
	}
	i := shardOf(k)
	if shard = maps.Clone(next.shards[i]); shard == nil {
		shard = map[K]V{}
	}
	next.shards[i] = shard
	return next, shard
}

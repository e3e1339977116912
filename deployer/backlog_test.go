package deployer

import (
	"testing"

	"pacer/deployer/cluster"
	"pacer/loop"
)

// TestTheCoreKnowsItsLoop: it reads from the length of a batch whether more may wait.
func TestTheCoreKnowsItsLoop(t *testing.T) {
	if loop.MaxBatch != cluster.BatchMax {
		t.Errorf("the loop's batches have %d events at most, the core believes %d", loop.MaxBatch, cluster.BatchMax)
	}
}

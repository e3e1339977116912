// Command faulty is a version of hello that does not work: it crashes at once after
// it has printed a lot, or serves and never gets healthy.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

// fault is set when it is built: crash or sick.
var fault = ""

func main() {
	for i := 1; i <= 150; i++ {
		fmt.Printf("line %d of %s\n", i, fault)
	}
	if fault == "crash" {
		os.Exit(3)
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "hello from %s 1\n", fault) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}

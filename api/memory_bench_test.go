package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkMemoryPerConnection holds connections open that have polled: what
// each takes of the heap and of stacks, its client's end in the same process
// included.
func BenchmarkMemoryPerConnection(b *testing.B) {
	const connections = 5000 // two files each
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for name, request := range map[string]string{
		"plain":    withLength(strings.Repeat("x", 800)),
		"net/http": inChunks(strings.Repeat("x", 800)),
	} {
		b.Run(name, func(b *testing.B) {
			address := listening(b, repeatBody)
			reader := bufio.NewReader(nil)
			for b.Loop() {
				before := used()
				for range connections {
					client, err := net.Dial("tcp", address)
					if err != nil {
						b.Fatal(err)
					}
					defer client.Close()
					if _, err := io.WriteString(client, request); err != nil {
						b.Fatal(err)
					}
					reader.Reset(client)
					if _, err := http.ReadResponse(reader, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(used()-before)/connections, "bytes/connection")
			}
		})
	}
}

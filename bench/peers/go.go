// go.go: Go, on one processor (GOMAXPROCS=1, no collection in between), as the
// others are.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"
)

const (
	warmUp = 100000
	batch  = 1000
	buffer = 128
)

// Processor time of the process in nanoseconds.
func processorTime() float64 {
	const processCPU = 2
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPU,
		uintptr(unsafe.Pointer(&now)), 0)
	return float64(now.Sec)*1e9 + float64(now.Nsec)
}

func measure(count int, repeat func(times int)) float64 {
	repeat(warmUp)
	start := processorTime()
	repeat(count)
	return (processorTime() - start) / float64(count)
}

func yields(count int) float64 {
	return measure(count, func(times int) {
		for i := 0; i < times; i++ {
			runtime.Gosched()
		}
	})
}

func spawnJoin(count int) float64 {
	return measure(count, func(times int) {
		var group sync.WaitGroup
		for i := 0; i < times; i++ {
			group.Add(1)
			go group.Done()
			group.Wait()
		}
	})
}

func spawnBatch(count int) float64 {
	return measure(count, func(times int) {
		var group sync.WaitGroup
		for i := 0; i < times; i += batch {
			group.Add(batch)
			for j := 0; j < batch; j++ {
				go group.Done()
			}
			group.Wait()
		}
	})
}

func echo(capacity int) (chan uint64, chan uint64) {
	there, back := make(chan uint64, capacity), make(chan uint64, capacity)
	go func() {
		for item := range there {
			back <- item
		}
	}()
	return there, back
}

func roundTrip(capacity int) func(int) float64 {
	return func(count int) float64 {
		there, back := echo(capacity)
		defer close(there)
		return measure(count, func(times int) {
			for i := 0; i < times; i++ {
				there <- uint64(i)
				<-back
			}
		})
	}
}

func choose(count int) float64 {
	there, back := echo(0)
	defer close(there)
	never := make(chan struct{})
	return measure(count, func(times int) {
		for i := 0; i < times; i++ {
			there <- uint64(i)
			select {
			case <-back:
			case <-never:
			}
		}
	})
}

func buffered(count int) float64 {
	items := make(chan uint64, buffer)
	go func() {
		for i := uint64(0); ; i++ {
			items <- i
		}
	}()
	return measure(count, func(times int) {
		for i := 0; i < times; i++ {
			<-items
		}
	})
}

func uncontended(count int) float64 {
	var mutex sync.Mutex
	return measure(count, func(times int) {
		for i := 0; i < times; i++ {
			mutex.Lock()
			mutex.Unlock()
		}
	})
}

func contended(count int) float64 {
	var mutex sync.Mutex
	stop := false
	hold := func() {
		mutex.Lock()
		runtime.Gosched()
		mutex.Unlock()
	}
	go func() {
		for !stop {
			hold()
		}
	}()
	value := measure(count, func(times int) {
		for i := 0; i < times; i += 2 {
			hold()
		}
	})
	stop = true
	return value
}

func main() {
	workloads := []struct {
		name         string
		count, quick int
		measure      func(int) float64
	}{
		{"yield", 4000000, 400000, yields},
		{"spawn_join", 1000000, 100000, spawnJoin},
		{"spawn_batch", 2000000, 200000, spawnBatch},
		{"channel_round_trip", 2000000, 200000, roundTrip(0)},
		{"channel_round_trip_1", 2000000, 200000, roundTrip(1)},
		{"channel_buffered", 10000000, 1000000, buffered},
		{"select", 2000000, 200000, choose},
		{"mutex", 10000000, 1000000, uncontended},
		{"mutex_contended", 2000000, 200000, contended},
	}
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	quick := os.Getenv("QUICK") != "" && os.Getenv("QUICK") != "0"
	for _, w := range workloads {
		if len(os.Args) < 2 {
			fmt.Println(w.name, "go", "ns")
		} else if os.Args[1] == w.name {
			count := w.count
			if quick {
				count = w.quick
			}
			fmt.Printf("%.4f\n", w.measure(count))
			return
		}
	}
	if len(os.Args) > 1 {
		os.Exit(2)
	}
}

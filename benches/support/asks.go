// Asks for one address again and again, over so many connections, for so many milliseconds, as the go command asks
// (net/http, the body copied to nowhere, or into files in a folder), and prints how many answers were whole, their bytes, in how many nanoseconds
// all came, and in how many 99 of 100.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	url := os.Args[1]
	connections, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	milliseconds, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var bytes atomic.Int64
	var all sync.WaitGroup
	times := make([][]time.Duration, connections)
	begun := time.Now()
	until := begun.Add(time.Duration(milliseconds) * time.Millisecond)
	for number := range connections {
		var to io.Writer = io.Discard
		rewind := func() {}
		if len(os.Args) > 4 {
			file, err := os.Create(filepath.Join(os.Args[4], "asked"+strconv.Itoa(number)))
			if err != nil {
				log.Fatal(err)
			}
			defer os.Remove(file.Name())
			to, rewind = file, func() {
				if _, err := file.Seek(0, io.SeekStart); err != nil {
					log.Fatal(err)
				}
				if err := file.Truncate(0); err != nil {
					log.Fatal(err)
				}
			}
		}
		all.Go(func() {
			for {
				asked := time.Now()
				if asked.After(until) {
					return
				}
				answer, err := client.Get(url)
				if err != nil {
					log.Fatal(err)
				}
				rewind()
				size, err := io.Copy(to, answer.Body)
				if err != nil || answer.StatusCode != http.StatusOK {
					log.Fatal(answer.Status, err)
				}
				answer.Body.Close()
				bytes.Add(size)
				times[number] = append(times[number], time.Since(asked))
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	each := slices.Concat(times...)
	slices.Sort(each)
	fmt.Println(len(each), bytes.Load(), took.Nanoseconds(), each[len(each)*99/100].Nanoseconds())
}

// Asks for one address again and again, over so many connections, for so many milliseconds, as the go command asks
// (net/http, the body copied to nowhere), and prints how many answers were whole, and in how many nanoseconds.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
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
	var answers, bytes atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	until := begun.Add(time.Duration(milliseconds) * time.Millisecond)
	for range connections {
		all.Go(func() {
			for time.Now().Before(until) {
				answer, err := client.Get(url)
				if err != nil {
					log.Fatal(err)
				}
				size, err := io.Copy(io.Discard, answer.Body)
				if err != nil || answer.StatusCode != http.StatusOK {
					log.Fatal(answer.Status, err)
				}
				answer.Body.Close()
				answers.Add(1)
				bytes.Add(size)
			}
		})
	}
	all.Wait()
	fmt.Println(answers.Load(), bytes.Load(), time.Since(begun).Nanoseconds())
}

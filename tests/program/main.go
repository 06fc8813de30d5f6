// A program with tens of dependencies of every kind: what `go build` needs of a proxy in one place.
package main

import (
	"fmt"
	"os"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/semver/v3"
	"github.com/cenkalti/backoff/v4"
	"github.com/dgrijalva/jwt-go"
	"github.com/pkg/errors"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"go.uber.org/zap"
	"golang.org/x/exp/maps"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"
)

func main() {
	var document map[string]any
	if _, err := toml.Decode("name = 'goproxy-edge'", &document); err != nil {
		fmt.Fprintln(os.Stderr, errors.Wrap(err, "toml"))
		os.Exit(1)
	}
	text, err := yaml.Marshal(document)
	if err != nil {
		fmt.Fprintln(os.Stderr, errors.Wrap(err, "yaml"))
		os.Exit(1)
	}
	viper.Set("keys", maps.Keys(document))
	zap.NewNop().Sync()
	_ = &cobra.Command{}
	_ = backoff.NewExponentialBackOff()
	_ = jwt.New(jwt.SigningMethodHS256)
	fmt.Printf("%s%v %v %s", text, viper.Get("keys"), language.English, semver.MustParse("1.2.3"))
	fmt.Println()
}

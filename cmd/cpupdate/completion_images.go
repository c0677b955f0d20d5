package main

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// The limits of completion, which has to be fast: a person waits for it.
const (
	maxCompletions   = 1000
	maxImagesRead    = 256
	maxFolderEntries = 10_000
	completionLimit  = time.Second
)

// completeImages returns a function that offers readable images, with a description, and folders. With anyFile it
// offers other files too, without a description. At most the first most arguments are images, and phones may follow; 0
// means no limit.
func completeImages(a *app, most int, anyFile bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(given) >= most {
			return completePhones(cmd, given[most:], typed)
		}
		c := &imageCompletion{open: a.open, anyFile: anyFile, end: time.Now().Add(completionLimit)}
		c.folder, c.prefix = filepath.Split(typed)
		for _, entry := range c.entries() {
			c.offer(entry)
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if c.folders == len(c.offers) {
			directive |= cobra.ShellCompDirectiveNoSpace // the path continues
		}
		return c.offers, directive
	}
}

// An imageCompletion collects the offers of one folder.
type imageCompletion struct {
	open           func(name string) (*bind.File, error)
	anyFile        bool
	end            time.Time
	folder, prefix string
	imagesRead     int
	offers         []string
	folders        int
}

// entries returns the entries of the folder that match what was typed, sorted by name.
func (c *imageCompletion) entries() []fs.DirEntry {
	folder, err := os.Open(cmp.Or(c.folder, "."))
	if err != nil {
		return nil
	}
	defer folder.Close()
	var all []fs.DirEntry
	for len(all) < maxFolderEntries && time.Now().Before(c.end) {
		some, err := folder.ReadDir(256)
		all = append(all, some...)
		if err != nil || len(some) == 0 {
			break
		}
	}
	all = slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !c.matches(e.Name()) })
	slices.SortFunc(all, func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) })
	return all
}

// matches reports whether a name may be offered. A name with unprintable characters is not: the shell reads one name a
// line and shows it on the terminal.
func (c *imageCompletion) matches(name string) bool {
	hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(c.prefix, ".")
	return strings.HasPrefix(name, c.prefix) && !hidden && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !bind.Prints(r) })
}

// offer adds an entry to the offers if it is a folder or a readable image.
func (c *imageCompletion) offer(entry fs.DirEntry) {
	if len(c.offers) == maxCompletions || time.Now().After(c.end) {
		return
	}
	path := c.folder + entry.Name()
	if strings.HasPrefix(path, "-") {
		path = "." + string(filepath.Separator) + path // so that it is neither a flag nor standard input
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		c.folders++
		c.offers = append(c.offers, path+string(filepath.Separator))
	case info.Mode().IsRegular() && info.Size() > 0 && c.imagesRead < maxImagesRead:
		c.imagesRead++
		if text, ok := c.describe(path); ok {
			c.offers = append(c.offers, strings.TrimSuffix(path+"\t"+text, "\t"))
		}
	}
}

// describe returns a few words about an image, from its header alone.
func (c *imageCompletion) describe(path string) (text string, ok bool) {
	f, err := c.open(path)
	if err != nil {
		beside := strings.HasSuffix(path, bind.DescriptorSuffix) || strings.HasSuffix(path, bind.SignatureSuffix)
		return "", c.anyFile && !beside
	}
	defer f.Close()
	facts := f.Facts()
	var words []string
	if facts.SoftwareType.Known() {
		words = append(words, knownhosts.CertificateText(facts.SoftwareType.Value))
	}
	if facts.Version.Known() {
		words = append(words, facts.Version.Value.String())
	}
	text = strings.Join(words, " ")
	if facts.Levels.Known() {
		text += ", levels " + facts.Levels.Value.String()
	}
	return strings.TrimPrefix(text, ", "), true
}

package pack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// addModels adds to the description the other models that take an image, which names only one of them. It returns a
// sentence about them, and about the models that may take it: where only a platform, the file name or an assumption
// says so, a person decides. It reads the hardware table only if the operator states no models.
func (o *DescribeOptions) addModels(ctx context.Context, store *settings.Store, d *bind.Description) (string, error) {
	if len(o.Stated.models) > 0 || d.Named.Value == "" {
		return "", nil
	}
	table, err := store.HardwareTable(ctx, o.Hardware)
	if err != nil {
		return "", err
	}
	classes := table.ClassesOf(d.Family, d.Named.Value)
	if len(classes) == 0 {
		return "", nil
	}
	named := fmt.Sprintf("the image names %s", d.Named.Value)
	if d.Named.Source == bind.FileName {
		named = fmt.Sprintf("the file name says %s", d.Named.Value)
	}
	if len(d.Models) == 0 || classes[0].Confidence == hwcheck.Assumed {
		return fmt.Sprintf("%s; phones of the models %s may take this image (%s): if they do, run describe again with %s",
			named, strings.Join(classes[0].Models, ", "), classes[0].Describe(), flagsOf(d, classes[0])), nil
	}
	return named + "; " + takeClasses(d, classes), nil
}

// takeClasses adds the models of all classes by which check lets a phone pass, and says which classes these are, and
// which models may take the image too.
func takeClasses(d *bind.Description, classes []hwcheck.Class) string {
	var why []string
	var models []string
	for _, class := range classes {
		if class.Confidence != hwcheck.Assumed {
			models, why = union(models, class.Models), append(why, class.Describe())
		}
	}
	d.Models = union(models, d.Models)
	text := fmt.Sprintf("the descriptor states the models %s, because they take the same image (%s); to state others, use --model",
		strings.Join(d.Models, ", "), strings.Join(why, "; "))
	for _, class := range classes {
		if more := without(class.Models, d.Models...); len(more) > 0 {
			text += fmt.Sprintf("; the models %s may take it too (%s)", strings.Join(more, ", "), class.Describe())
		}
	}
	return text
}

// noteModels writes what addModels returned.
func noteModels(con *console.Console, name, text string) {
	if text != "" {
		con.Note("note", name, text)
	}
}

// flagsOf returns the flags that state the models of a class.
func flagsOf(d *bind.Description, class hwcheck.Class) string {
	models := "--model " + exit.Word(strings.Join(class.Models, ","))
	if d.Family == "" {
		return fmt.Sprintf("--family %q %s", class.Family, models)
	}
	return models
}

// union returns the texts of both lists, each once.
func union(a, b []string) []string { return append(slices.Clone(a), without(b, a...)...) }

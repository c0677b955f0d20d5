package wbm

import (
	"strconv"
	"strings"
)

// see takes from a tag what somebody sees and can follow.
func (r *reader) see(name string, a map[string]string) error {
	p := r.p
	switch name {
	case "base":
		if href := a["href"]; href != "" && !r.based {
			r.based = true // the first counts, wherever it leads; forms and links are judged by where they lead then
			if u, err := join(p.url, href); err == nil {
				p.base = u
			}
		}
	case "title":
		r.gather(name, true, func(text string) {
			if p.title == "" {
				c := collapser{limit: maxRun}
				c.add(text)
				p.title = c.String()
			}
		})
	case "meta":
		r.refresh(a)
	case "a", "area":
		return r.link(name, a)
	case "frame", "iframe":
		if src := a["src"]; src != "" {
			if len(p.frames) >= maxLinks {
				return errTooMuch
			}
			p.frames = append(p.frames, src)
		}
	case "h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption":
		r.gather(name, false, r.head)
	case "label":
		r.open(a["for"])
	}
	r.praise(name, a["class"])
	return nil
}

// praise gathers what elements say that have the class of a success or of an error.
func (r *reader) praise(name, classes string) {
	p := r.p
	for class := range strings.FieldsSeq(strings.ToLower(classes)) {
		if word := map[string]*string{"success": &p.good, "error": &p.bad}[class]; word != nil && !isVoid(name) {
			r.gather(name, false, func(text string) {
				if *word == "" {
					*word = text
				}
			})
		}
	}
}

// refresh takes a page that shows another one after at most 5 s for a frame of it.
func (r *reader) refresh(a map[string]string) {
	delay, target, _ := strings.Cut(a["content"], ";")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(delay), 64)
	target = strings.TrimSpace(target)
	if !strings.EqualFold(a["http-equiv"], "refresh") || err != nil || seconds > 5 || len(target) < 4 || !strings.EqualFold(target[:4], "url=") {
		return
	}
	if len(r.p.frames) < maxLinks {
		r.p.frames = append(r.p.frames, strings.Trim(target[4:], `"' `))
	}
}

func (r *reader) link(name string, a map[string]string) error {
	href, there := a["href"]
	if !there {
		return nil
	}
	p := r.p
	if len(p.links) >= maxLinks {
		return nil // a menu ends somewhere; who looks for more than that is not helped by them
	}
	p.links = append(p.links, link{href: href, text: a["title"] + " " + a["alt"]})
	if n := len(p.links) - 1; name == "a" {
		r.gather(name, false, func(text string) { p.links[n].text += " " + text })
	}
	return nil
}

// head notes a heading.
func (r *reader) head(text string) {
	if text == "" {
		return
	}
	r.heading = text
	if len(r.p.headings) < maxLinks {
		r.p.headings = append(r.p.headings, text)
	}
	if f := r.form; f != nil && len(f.headings) < maxForms {
		f.headings = append(f.headings, text)
	}
}

// open opens a label.
func (r *reader) open(target string) {
	l := &label{target: target}
	if len(r.labels) >= maxControls {
		return
	}
	r.labels = append(r.labels, l)
	r.label = l
	r.gather("label", false, func(text string) {
		l.text = text
		if r.label == l {
			r.label = nil
		}
	})
}

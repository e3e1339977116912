package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"pacer/apps"
)

// A selector is the label filter of GET /v2/apps: terms that must all hold.
type selector []term

type term struct {
	key    string
	op     string // "", ==, !=, in, notin
	values map[string]bool
}

// matches reports whether labels satisfy every term. Every operator but the plain
// key needs the label to be there, the negative ones too (Marathon's rule).
func (s selector) matches(labels map[string]string) bool {
	for _, t := range s {
		v, there := labels[t.key]
		switch t.op {
		case "":
			if !there {
				return false
			}
		case "==", "in":
			if !there || !t.values[v] {
				return false
			}
		default:
			if !there || t.values[v] {
				return false
			}
		}
	}
	return true
}

// parseSelector reads `key, key==v, key!=v, key in (a,b), key notin (a,b)`. Other
// characters than letters, digits, dot, dash and underscore need a backslash.
func parseSelector(text string) (selector, error) {
	p := selectorParser{rest: text, text: text}
	var s selector
	for {
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		s = append(s, t)
		p.blanks()
		if len(p.rest) == 0 {
			return s, nil
		}
		if !p.take(",") {
			return nil, p.fail()
		}
	}
}

type selectorParser struct{ rest, text string }

func (p *selectorParser) fail() error {
	return apps.Errorf(apps.Invalid, "Can not parse label selector '%s': not understood from '%s'", p.text, p.rest)
}

func (p *selectorParser) blanks() {
	p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace)
}

func (p *selectorParser) take(token string) bool {
	p.blanks()
	after, found := strings.CutPrefix(p.rest, token)
	p.rest = after
	return found
}

func (p *selectorParser) word() (string, bool) {
	p.blanks()
	var word []byte
	for len(p.rest) > 0 {
		switch c := p.rest[0]; {
		case c == '\\' && len(p.rest) > 1:
			_, size := utf8.DecodeRuneInString(p.rest[1:])
			word = append(word, p.rest[1:1+size]...)
			p.rest = p.rest[1+size:]
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_", c) >= 0:
			word = append(word, c)
			p.rest = p.rest[1:]
		default:
			return string(word), len(word) > 0
		}
	}
	return string(word), len(word) > 0
}

func (p *selectorParser) term() (t term, err error) {
	key, ok := p.word()
	if !ok {
		return t, p.fail()
	}
	t = term{key: key, values: map[string]bool{}}
	switch {
	case p.take("=="):
		t.op = "=="
	case p.take("!="):
		t.op = "!="
	default:
		before := p.rest
		switch word, _ := p.word(); word {
		case "in", "notin":
			t.op = word
			return t, p.set(t.values)
		case "":
			return t, nil
		default:
			p.rest = before
			return t, p.fail()
		}
	}
	v, ok := p.word()
	if !ok {
		return t, p.fail()
	}
	t.values[v] = true
	return t, nil
}

func (p *selectorParser) set(values map[string]bool) error {
	if !p.take("(") {
		return p.fail()
	}
	for {
		v, ok := p.word()
		if !ok {
			return p.fail()
		}
		values[v] = true
		if p.take(")") {
			return nil
		}
		if !p.take(",") {
			return p.fail()
		}
	}
}

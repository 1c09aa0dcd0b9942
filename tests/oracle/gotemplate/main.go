// The oracle of our template engine: renders JSON lines with Go's own text/template.
//
// A line in:  {"template": "...", "data": {"t": TYPE, "v": VALUE}}
// A line out: {"out": BASE64} or {"stage": "parse" | "exec", "error": BASE64}
//
// The types and functions below exist a second time in world.py, in our engine's terms.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"reflect"
	"strconv"
	"strings"
	"text/template"
	"time"
)

type KVPair struct{ Key, Value string }

type Level int

func (l Level) String() string { return "level-" + strconv.Itoa(int(l)) }

type Label string

type Labels []string

type Host struct {
	Name   string
	Port   int
	Weight float64
	Up     bool
	Tags   []string
	Meta   map[string]any
	Next   *Host
	Any    any
	Level  Level
}

func (h Host) Address() string { return h.Name + ":" + strconv.Itoa(h.Port) }

func (h Host) Greet(word string, times int) string {
	if times < 0 || times > 5 {
		times = 1
	}
	return strings.Repeat(word, times) + h.Name
}

func (h Host) Broken() (string, error) { return "", errors.New("broken host") }

func (h Host) All(values ...any) string { return fmt.Sprint(values...) }

var types = map[string]reflect.Type{
	"bool": reflect.TypeOf(false), "int": reflect.TypeOf(0), "int8": reflect.TypeOf(int8(0)),
	"int16": reflect.TypeOf(int16(0)), "int32": reflect.TypeOf(int32(0)), "int64": reflect.TypeOf(int64(0)),
	"uint": reflect.TypeOf(uint(0)), "uint8": reflect.TypeOf(uint8(0)), "uint16": reflect.TypeOf(uint16(0)),
	"uint32": reflect.TypeOf(uint32(0)), "uint64": reflect.TypeOf(uint64(0)),
	"float32": reflect.TypeOf(float32(0)), "float64": reflect.TypeOf(0.0), "string": reflect.TypeOf(""),
	"complex128": reflect.TypeOf(1i), "any": reflect.TypeOf((*any)(nil)).Elem(),
	"KVPair": reflect.TypeOf(KVPair{}), "Host": reflect.TypeOf(Host{}), "Level": reflect.TypeOf(Level(0)),
	"Label": reflect.TypeOf(Label("")), "Labels": reflect.TypeOf(Labels{}),
}

func typeOf(name string) reflect.Type {
	switch {
	case strings.HasPrefix(name, "[]"):
		return reflect.SliceOf(typeOf(name[2:]))
	case strings.HasPrefix(name, "*"):
		return reflect.PointerTo(typeOf(name[1:]))
	case strings.HasPrefix(name, "map["):
		end := strings.Index(name, "]")
		return reflect.MapOf(typeOf(name[4:end]), typeOf(name[end+1:]))
	case strings.HasPrefix(name, "["):
		end := strings.Index(name, "]")
		length, _ := strconv.Atoi(name[1:end])
		return reflect.ArrayOf(length, typeOf(name[end+1:]))
	}
	found, ok := types[name]
	if !ok {
		panic("no such type: " + name)
	}
	return found
}

type typed struct {
	T string          `json:"t"`
	V json.RawMessage `json:"v"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func value(of typed) any {
	if of.T == "nil" {
		return nil
	}
	if of.T == "func" {
		return func(n int) int { return 2 * n }
	}
	return build(typeOf(of.T), of.V).Interface()
}

func build(of reflect.Type, raw json.RawMessage) reflect.Value {
	out := reflect.New(of).Elem()
	if string(raw) == "null" {
		return out
	}
	switch of.Kind() {
	case reflect.Interface:
		var inner typed
		must(json.Unmarshal(raw, &inner))
		if made := value(inner); made != nil {
			out.Set(reflect.ValueOf(made))
		}
	case reflect.Slice, reflect.Array:
		var items []json.RawMessage
		must(json.Unmarshal(raw, &items))
		if of.Kind() == reflect.Slice {
			out.Set(reflect.MakeSlice(of, len(items), len(items)))
		}
		for i, item := range items {
			out.Index(i).Set(build(of.Elem(), item))
		}
	case reflect.Map:
		// A list of [key, value].
		var pairs [][2]json.RawMessage
		must(json.Unmarshal(raw, &pairs))
		out.Set(reflect.MakeMap(of))
		for _, pair := range pairs {
			out.SetMapIndex(build(of.Key(), pair[0]), build(of.Elem(), pair[1]))
		}
	case reflect.Pointer:
		target := reflect.New(of.Elem())
		target.Elem().Set(build(of.Elem(), raw))
		out.Set(target)
	case reflect.Struct:
		var fields map[string]json.RawMessage
		must(json.Unmarshal(raw, &fields))
		for name, field := range fields {
			out.FieldByName(name).Set(build(out.FieldByName(name).Type(), field))
		}
	case reflect.String:
		var text string
		must(json.Unmarshal(raw, &text))
		data, err := base64.StdEncoding.DecodeString(text)
		must(err)
		out.SetString(string(data))
	case reflect.Complex128:
		var parts [2]float64
		must(json.Unmarshal(raw, &parts))
		out.SetComplex(complex(parts[0], parts[1]))
	default:
		must(json.Unmarshal(raw, out.Addr().Interface()))
	}
	return out
}

var functions = template.FuncMap{
	"add":     func(a, b int) int { return a + b },
	"up":      strings.ToUpper,
	"joined":  func(items []string, by string) string { return strings.Join(items, by) },
	"fail":    func(why string) (string, error) { return "", errors.New(why) },
	"boom":    func() string { panic("boom") },
	"cat":     func(first string, rest ...any) string { return first + fmt.Sprint(rest...) },
	"half":    func(f float64) float64 { return f / 2 },
	"tiny":    func(u uint8) uint8 { return u },
	"wide":    func(i int64) int64 { return i },
	"same":    func(v any) any { return v },
	"nothing": func() any { return nil },
	"flip":    func(b bool) bool { return !b },
	"pair":    func(k, v string) KVPair { return KVPair{k, v} },
	"level":   func(n int) Level { return Level(n) },
	"count": func(n int) []int {
		out := []int{}
		for i := 0; i < n && i < 9; i++ {
			out = append(out, i)
		}
		return out[:len(out):len(out)]
	},
	"list": func(items ...any) []any { return items[:len(items):len(items)] },
	"rot":  func(c complex128) complex128 { return c * 1i },

	// What confd's own functions are made of.
	"match": path.Match, "base": path.Base, "dir": path.Dir, "split": strings.Split, "replace": strings.Replace,
	"toUpper": strings.ToUpper, "toLower": strings.ToLower, "contains": strings.Contains, "atoi": strconv.Atoi,
	"trimSuffix": strings.TrimSuffix, "parseBool": strconv.ParseBool,
	"decode64": func(s string) (string, error) {
		data, err := base64.StdEncoding.DecodeString(s)
		return string(data), err
	},
	"json": func(s string) (map[string]any, error) {
		var out map[string]any
		err := json.Unmarshal([]byte(s), &out)
		return out, err
	},
	"jsonArray": func(s string) ([]any, error) {
		var out []any
		err := json.Unmarshal([]byte(s), &out)
		return out, err
	},
	"moment": func(unix, micros, offset int, layout string) string {
		zone := time.FixedZone("ABC", offset*60)
		return time.Unix(int64(unix), int64(micros)*1000).In(zone).Format(layout)
	},
}

type request struct {
	Template string `json:"template"`
	Data     typed  `json:"data"`
}

func render(line []byte) (string, string, []byte) {
	var asked request
	must(json.Unmarshal(line, &asked))
	text, err := base64.StdEncoding.DecodeString(asked.Template)
	must(err)
	parsed, err := template.New("t.tmpl").Funcs(functions).Parse(string(text))
	if err != nil {
		return "parse", err.Error(), nil
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, value(asked.Data)); err != nil {
		return "exec", err.Error(), nil
	}
	return "", "", out.Bytes()
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		// A range over a huge number never ends; whoever asks starts this program anew.
		watchdog := time.AfterFunc(10*time.Second, func() { os.Exit(3) })
		stage, message, text := render(line)
		watchdog.Stop()
		answer := map[string]string{"out": base64.StdEncoding.EncodeToString(text)}
		if stage != "" {
			answer = map[string]string{"stage": stage, "error": base64.StdEncoding.EncodeToString([]byte(message))}
		}
		encoded, _ := json.Marshal(answer)
		out.Write(append(encoded, '\n'))
		out.Flush()
	}
}

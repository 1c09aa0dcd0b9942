"""Cases by hand for the table: what the documentation of Go's text/template promises, and the corners that it leaves open."""

# ruff: noqa: E501 (word lists read better in long lines)
from __future__ import annotations

from typing import Any

from tests.oracle.gotemplate.world import Data, as_json

_WORLD = as_json(
    Data(
        "map[string]any",
        {
            "i": Data("int", 7), "w": Data("int64", -5), "u": Data("uint64", 18446744073709551615), "t": Data("uint8", 200),
            "f": Data("float64", 1.5), "big": Data("float64", 1e6), "g": Data("float32", 0.1), "s": Data("string", "héllo"),
            "bad": Data("string", "a\udcffb"), "o": Data("bool", True), "c": Data("complex128", 1 + 2j), "n": Data("nil"),
            "ss": Data("[]string", ["x", "y", "z"]), "as": Data("[]any", [Data("int", 1), Data("string", "two"), Data("nil"), Data("float64", 3.0)]),
            "m": Data("map[string]any", {"b": Data("int", 2), "a": Data("map[string]any", {"x": Data("string", "deep")}), "nil": Data("nil")}),
            "ms": Data("map[string]string", {"k": "v"}), "mi": Data("map[int]string", {2: "two", 1: "one"}), "nm": Data("map[string]any"),
            "ns": Data("[]string"), "h": Data("Host", {"Name": "n01", "Port": 80, "Tags": ["a"], "Level": 2}),
            "hp": Data("*Host", {"Name": "p01", "Port": 81}), "nh": Data("*Host"), "k": Data("KVPair", {"Key": "/a", "Value": "1"}),
            "ks": Data("[]KVPair", [{"Key": "/a", "Value": "1"}, {"Key": "/b", "Value": "2"}]), "l": Data("Level", 3),
            "b": Data("Label", "label"), "bs": Data("Labels", ["p", "q"]), "by": Data("[]uint8", [104, 105]), "ar": Data("[3]int", [1, 2, 3]),
            "ip": Data("*int", 5), "fn": Data("func"),
        },
    )
)  # fmt: skip

_TEMPLATES = r"""
{{range .ss}}{{.}},{{end}}
{{range $i, $e := .ss}}{{$i}}={{$e}};{{end}}
{{range $k, $v := .m}}{{$k}}={{$v}};{{end}}
{{range $k, $v := .mi}}{{$k}}={{$v}};{{end}}
{{range .ns}}x{{else}}empty{{end}}{{range .nm}}x{{else}}none{{end}}{{range .n}}x{{else}}nothing{{end}}
{{range 3}}{{.}}{{end}}{{range $i := 3}}{{$i}}{{end}}{{range .t}}{{if gt . 2}}{{break}}{{end}}{{.}}{{end}}
{{range $i, $j := 3}}{{end}}
{{range .s}}{{.}}{{end}}
{{range .f}}{{.}}{{end}}
{{range .h}}{{.}}{{end}}
{{range .ss}}{{if eq . "y"}}{{continue}}{{end}}{{.}}{{end}}
{{range .ss}}{{.}}{{break}}{{end}}
{{break}}
{{continue}}
{{range .ss}}{{template "b"}}{{end}}{{define "b"}}{{break}}{{end}}
{{with .m.a}}{{.x}}{{end}}{{with .nope}}x{{else}}none{{end}}{{with .nope}}x{{else with .i}}{{.}}{{else}}z{{end}}
{{with $x := .i}}{{$x}}{{end}}{{$x}}
{{if .i}}a{{else if .f}}b{{else}}c{{end}}{{if .n}}a{{else if .ns}}b{{else}}c{{end}}
{{if and .i .n .nope}}a{{else}}{{and .i .n}}|{{or .n .i}}|{{not .n}}{{end}}
{{and 1 0 (fail "not reached")}}{{or 0 2 (fail "not reached")}}
{{or 0 (fail "reached")}}
{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}
{{$x := 1}}{{range .ss}}{{$x = .}}{{end}}{{$x}}
{{$y}}
{{$x = 1}}
{{define "t"}}<{{.}}{{$}}>{{end}}{{template "t" .i}}{{template "t"}}
{{block "t" .s}}[{{.}}]{{end}}{{template "t" 1}}
{{template "none"}}
{{define "a"}}1{{end}}{{define "a"}}2{{end}}
{{define "a"}} {{end}}{{define "a"}}2{{end}}{{template "a"}}
{{define "r"}}{{template "r"}}{{end}}{{template "r"}}
a  {{- 1 -}}  b {{-  2}} c {{/* x */ -}}  d{{- /* y */}}  e
{{- -1}} {{-1}} {{3 -}} {{- 3}}
{{/* unclosed }}
{{/* c */ 1}}
{{"a" | printf "%s-%s" "b" | len}}
{{1 | print 2 | print 3}}
{{.i | 1}}
{{1 | .i}}
{{print 1 2 "a" "b" 3 .n .f}}{{println 1 "a" 2}}
{{printf "%d %5d|%-5d|%05d|%+d|%x|%X|%o|%#x|%b|%c|%q|%U|%#U" .i .i .i .i .i 255 255 8 255 5 65 65 9731 9731}}
{{printf "%s|%10s|%-10s|%.2s|%q|%x|% x|%#x|%v|%#v|%T" .s .s .s .s .s .s .s .s .s .s .s}}
{{printf "%v %.2f %8.3f|%-8.1f|%08.2f|%e|%g|%G|%+v|%6.2e|%x" .f .f .f .f .f .f .big .big .f .f .f}}
{{printf "%t %v %5t %T %d" .o .o .o .o .o}}
{{printf "%v %+v %#v %T %s %d" .h.Tags .k .k .k .k .k}}
{{printf "%v %+v %#v %T %d %q" .ms .m .ms .m .m .ss}}
{{printf "%v %#v %T %d %s" .n .n .n .n .n}}
{{printf "%d %s %x %z" "a" 1 1.5 true}}
{{printf "%d"}}{{printf "%d" 1 2 "x"}}{{printf "%"}}{{printf "%!"}}{{printf "100%%"}}
{{printf "%[2]d %[1]d" 1 2}}{{printf "%[3]d" 1}}{{printf "%[x]d" 1}}{{printf "%[1" 1}}
{{printf "%*d|%-*d|%.*f" 5 1 5 2 2 3.14159}}{{printf "%*d" "x" 1}}{{printf "%.*d" -1 5}}
{{printf "%v %v %v" .l .b .bs}}{{printf "%d %s %q %x" .l .l .l .l}}{{.l}}{{.b}}{{.bs}}
{{printf "%s %v %x %q %d" .by .by .by .by .by}}{{.by}}
{{printf "%v %.1f %+v" .c .c .c}}{{.c}}{{1i}}{{1+2i}}
{{printf "%t" 1}}{{printf "%v %v" 1e6 100000.0}}{{1e6}}{{.big}}{{.g}}{{1e21}}{{1e-7}}
{{printf "%q %q %+q %#q" "a\tb\x00é" .bad "é☃" "raw"}}
{{printf "%6.2f|%-8s|%+.3e|%x" 3.14159 "ab" 123456.789 "hello"}}
{{printf "%c%c%c" 0x65E5 0x672C 0x8A9E}}{{printf "%v" 'a'}}{{'a'}}{{'\n'}}{{'\u00e9'}}
{{eq .i 7}} {{eq .i 7 8}} {{eq .i 8 7}} {{ne .i 8}} {{lt 1 2}} {{le 2 2}} {{gt 2 1}} {{ge 1 2}}
{{eq .i 7.0}}
{{eq .s 1}}
{{eq .u 1}} {{lt .w .u}} {{eq .t 200}} {{gt .u .w}}
{{eq .n nil}} {{eq nil .nope}} {{eq .ns nil}} {{eq .nm nil}}
{{eq .ss .ss}}
{{eq .m .m}}
{{eq .ar .ar}} {{eq .k .k}} {{ne .k .h}}
{{lt .ss .ss}}
{{lt true false}}
{{lt "a" "b"}} {{lt "B" "a"}} {{lt "é" "z"}} {{lt 1.5 2.5}}
{{eq 1}}
{{lt 1}}
{{eq "a" "b" "a"}}{{eq .f 1.5}}{{eq .g .f}}
{{len .s}} {{len .ss}} {{len .m}} {{len .by}} {{len "日本"}}
{{len 1}}
{{len nil}}
{{len .nope}}
{{index .ss 1}} {{index .m "a" "x"}} {{index .mi 1}} {{index .s 1}} {{index .m "zz"}} {{index .ms "zz"}}{{index .ar 2}}
{{index .ss 3}}
{{index .ss 9}}
{{index .ss -1}}
{{index .ss "a"}}
{{index .ss nil}}
{{index .m 1}}
{{index .i 1}}
{{index nil 1}}
{{index .mi "x"}}
{{slice .ss 1}} {{slice .ss 1 2}} {{slice .ss 0 1 2}} {{slice .s 1 3}} {{slice "abc" 2}}
{{slice .ss 2 1}}
{{slice .ss 4}}
{{slice .s 0 1 2}}
{{slice .m 1}}
{{slice .ss .i}}
{{slice .ss .n}}
{{slice .ss nil}}
{{slice .ar 1}}
{{call .fn 4}} {{call .fn .t}} {{4 | call .fn}}
{{call .fn}}
{{call .fn "a"}}
{{call .i 1}}
{{call nil}}
{{.b | call}}
{{.i | call}}
{{.nope | call}}
{{.fn}}
{{html "<a href='x'>\"&" .i}} {{js "a'b\"\\<>&=\n\u2028é"}} {{urlquery "a b&c=d/é" 1}}
{{.h}} {{.hp}} {{.h.Name}} {{.hp.Name}} {{.h.Address}} {{.hp.Address}} {{.h.Greet "hi" 2}} {{.h.Tags}} {{.h.Next}}
{{.h.Nope}}
{{.hp.Nope}}
{{.nh.Name}}
{{.nh.Address}}
{{.nh}}
{{.h.Broken}}
{{.h.Greet "x"}}
{{.h.Greet 1 2}}
{{.h.Name "x"}}
{{.m.a.x}} {{.m.nope}} {{.m.nope.x}} {{.m.nil}} {{.ms.nope}}
{{.m.nil.x}}
{{.i.x}}
{{.nope.x.y}}
{{.ip}}{{add .ip 1}}
{{range .as}}{{.}},{{end}}{{range .ks}}{{.Key}}={{.Value}};{{end}}{{.ks}}{{.as}}
{{range .as}}{{.x}}{{end}}
{{add 1 2}} {{1 | add 2}} {{add .i .i}} {{add 'a' 1}} {{add 1e3 1}}
{{add 1}}
{{add 1 2 3}}
{{add "a" 1}}
{{add 1.5 1}}
{{add .s 1}}
{{add .w 1}}
{{add .nope 1}}
{{add nil 1}}
{{up 1}}
{{up nil}}
{{joined .ss ","}} {{joined .bs ","}} {{joined .ns ","}} {{joined nil ","}}
{{joined .as ","}}
{{joined "a" ","}}
{{half 3}} {{half 1.5}} {{tiny 5}} {{tiny 300}} {{wide -1}} {{flip true}}
{{half "a"}}
{{tiny -1}}
{{flip 1}}
{{fail "why"}}
{{boom}}
{{cat}}
{{cat "a" 1 nil .n}} {{same nil}} {{nothing}} {{nothing.x}}
{{same .m | printf "%v"}} {{(same .h).Name}} {{(pair "a" "b").Key}} {{(index .ks 0).Value}}
{{undefined 1}}
{{if}}
{{if .i}}
{{end}}
{{else}}
{{range}}
{{with}}
{{template}}
{{template 1}}
{{define}}
{{define "x"}}
{{if .i}}{{else}}{{else}}{{end}}
{{range .ss}}{{end}}{{end}}
{{1 2}}
{{"a" "b"}}
{{nil}}
{{.i}} {{- $.s -}}
{{(1)}} {{(((.i)))}} {{(.i | print)}}
{{(1}}
{{1)}}
{{(1 -}}
{{.i | }}
{{| .i}}
{{.i.}}
{{1.x}}
{{"a".x}}
{{nil.x}}
{{.a+b}}
{{$x:=1}}{{$x}}{{$x := "a"}}{{$x}}
{{$x, $y := 1}}
{{range $x, 1 := .ss}}{{end}}
{{"unterminated
{{`raw
`}}{{`a\n`}}
{{"\q"}}
{{'ab'}}
{{'
{{089}}
{{0x}}
{{1_000}} {{0b11}} {{0o17}} {{017}} {{0x1F}} {{0x1p4}} {{.5}} {{1.}} {{+5}}
{{99999999999999999999}}
{{9223372036854775808}}
{{18446744073709551615}}
{{1e400}}
{{1__0}}
{{#}}
{{é}}
{{.é}}
{{€}}
{{@}}
{{.x | printf}}
{{ .ss | joined "," }}
{{joined .ss "," | up | printf "%s!"}}
{{print (print "a" 1) (len "x")}}
{{- range $i, $e := .ks -}} {{if $i}}, {{end}}{{$e.Key}} {{- end -}}
{{.i}
{{ {{.i}} }}
}} {{.i}}
{{"%!"}}{{printf "%s" "%d"}}
{{not}}
{{not 1 2}}
{{not nil}} {{not .nope}} {{not ""}} {{not 0.0}} {{not .h}}
{{print nil}} {{print .n .nope}} {{printf "%v" .nope}} {{html .nope}}
""".strip().split("\n")

CASES: list[tuple[str, dict[str, Any]]] = [(template, _WORLD) for template in _TEMPLATES if template]
CASES += [
    ("line one\n  {{.s}}\n{{if .nope.x}}\n{{.h.Nope}}{{end}}\n\té {{.h.Nope}}", _WORLD),
    ("a\n{{if .i\n}}\n{{ else", _WORLD),
    ("{{/*\n\n*/}}\n{{1 2 }}\n{{.i | nope}}", _WORLD),
    ("{{range .ss}}\n{{if .}}\n", _WORLD),
    ("{{printf\n\"%d\"\n.i}}\r\n{{.s}}\r\n", _WORLD),
    ("{{.i\n\n| add \"a\"}}", _WORLD),
    ("", _WORLD),
    ("{{define \"x\"}}a{{end}}", _WORLD),
    ("{{.Name}} {{.Address}}", as_json(Data("Host", {"Name": "root"}))),
    ("{{.Name}} {{.Address}}", as_json(Data("*Host", {"Name": "root"}))),
    ("{{.}} {{.x}} {{len .}}", as_json(Data("nil"))),
    ("{{.}} {{.x}}", as_json(Data("int", 5))),
    ("{{range .}}{{.}}{{end}}", as_json(Data("map[bool]int", {True: 1, False: 0}))),
]  # fmt: skip

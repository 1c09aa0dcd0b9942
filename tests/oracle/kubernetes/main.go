// Tells what the public API of Kubernetes says of its types, and writes example objects as the API server stores them.
//
//	kubernetes tables            one line a type: its fields' numbers, JSON names and kinds
//	kubernetes objects COUNT     one JSON line an object: {"stored": base64, "object": as JSON}
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	scheduling "k8s.io/api/scheduling/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var roots = map[string][]any{
	"v1": {core.Namespace{}, core.ConfigMap{}, core.Secret{}, core.Pod{}, core.Service{}, core.Endpoints{}, core.Node{},
		core.ServiceAccount{}, core.Event{}, core.PersistentVolume{}, core.PersistentVolumeClaim{}, core.PodTemplate{},
		core.ReplicationController{}, core.LimitRange{}, core.ResourceQuota{}, core.RangeAllocation{}},
	"apps/v1": {apps.Deployment{}, apps.ReplicaSet{}, apps.StatefulSet{}, apps.DaemonSet{}, apps.ControllerRevision{}},
	"autoscaling/v2":            {autoscaling.HorizontalPodAutoscaler{}},
	"batch/v1":                  {batch.Job{}, batch.CronJob{}},
	"coordination.k8s.io/v1":    {coordination.Lease{}},
	"discovery.k8s.io/v1":       {discovery.EndpointSlice{}},
	"networking.k8s.io/v1":      {networking.Ingress{}, networking.IngressClass{}, networking.NetworkPolicy{}},
	"policy/v1":                 {policy.PodDisruptionBudget{}},
	"rbac.authorization.k8s.io/v1": {rbac.Role{}, rbac.RoleBinding{}, rbac.ClusterRole{}, rbac.ClusterRoleBinding{}},
	"scheduling.k8s.io/v1":      {scheduling.PriorityClass{}},
	"storage.k8s.io/v1":         {storage.StorageClass{}, storage.CSINode{}, storage.CSIDriver{}, storage.VolumeAttachment{}},
}

var special = map[reflect.Type]string{
	reflect.TypeOf(meta.Time{}): "time", reflect.TypeOf(meta.MicroTime{}): "microtime",
	reflect.TypeOf(meta.Duration{}): "duration", reflect.TypeOf(meta.FieldsV1{}): "json",
	reflect.TypeOf(runtime.RawExtension{}): "json", reflect.TypeOf(resource.Quantity{}): "quantity",
	reflect.TypeOf(intstr.IntOrString{}): "intorstring",
}

var tables = map[string]string{}

func name(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if len(parts) >= 2 && parts[len(parts)-2] == "core" {
		return t.Name()
	}
	if len(parts) >= 2 && parts[len(parts)-2] == "meta" {
		return "meta." + t.Name()
	}
	return parts[len(parts)-2] + "." + t.Name()
}

// kind: ^ a pointer, [] a list, {} a map, then the word or the name of a type.
func kind(t reflect.Type) string {
	if word, ok := special[t]; ok {
		return word
	}
	switch t.Kind() {
	case reflect.Ptr:
		return "^" + kind(t.Elem())
	case reflect.Map:
		return "{}" + kind(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + kind(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Struct:
		describe(t)
		return name(t)
	}
	panic("no word for " + t.String())
}

func describe(t reflect.Type) {
	if _, done := tables[name(t)]; done {
		return
	}
	tables[name(t)] = ""
	var fields []string
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		proto := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(proto) < 2 {
			continue
		}
		json := strings.Split(field.Tag.Get("json"), ",")
		flags := ""
		for _, flag := range json[1:] {
			switch flag {
			case "omitempty":
				flags += "?"
			case "omitzero":
				flags += "0"
			case "inline":
				flags += "<"
			}
		}
		label := json[0]
		if label == "" {
			label = "-"
		}
		fields = append(fields, proto[1]+" "+label+" "+kind(field.Type)+flags)
	}
	tables[name(t)] = strings.Join(fields, ", ")
}

func printTables() {
	var versions []string
	for version, examples := range roots {
		versions = append(versions, version)
		for _, example := range examples {
			describe(reflect.TypeOf(example))
		}
	}
	sort.Strings(versions)
	for _, version := range versions {
		for _, example := range roots[version] {
			fmt.Printf("kind %s %s = %s\n", version, reflect.TypeOf(example).Name(), name(reflect.TypeOf(example)))
		}
	}
	var names []string
	for each := range tables {
		names = append(names, each)
	}
	sort.Strings(names)
	for _, each := range names {
		fmt.Printf("type %s = %s\n", each, tables[each])
	}
}

var chance = rand.New(rand.NewSource(8))

func words(n int) string {
	letters := []rune("abcxyz019-./é☃ \"\\\n<&")
	var made []rune
	for i := 0; i < n; i++ {
		made = append(made, letters[chance.Intn(len(letters))])
	}
	return string(made)
}

// fill puts something into most fields, less the deeper it goes.
func fill(v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case meta.Time:
		v.Set(reflect.ValueOf(meta.Unix(chance.Int63n(4e9), 0)))
		return
	case meta.MicroTime:
		v.Set(reflect.ValueOf(meta.NewMicroTime(time.Unix(chance.Int63n(4e9), chance.Int63n(1e6)*1000))))
		return
	case meta.FieldsV1:
		v.Set(reflect.ValueOf(meta.FieldsV1{Raw: []byte(`{"f:data":{"f:a":{}}}`)}))
		return
	case meta.Duration:
		v.Set(reflect.ValueOf(meta.Duration{Duration: time.Duration(chance.Int63n(1e12))}))
		return
	case runtime.RawExtension:
		v.Set(reflect.ValueOf(runtime.RawExtension{Raw: []byte(`{"b":[1,2.5,null],"a":"ü"}`)}))
		return
	case resource.Quantity:
		q := resource.MustParse([]string{"100m", "1Gi", "2", "0", "1500Mi"}[chance.Intn(5)])
		v.Set(reflect.ValueOf(q))
		return
	case intstr.IntOrString:
		v.Set(reflect.ValueOf([]intstr.IntOrString{intstr.FromInt32(8080), intstr.FromString("http")}[chance.Intn(2)]))
		return
	case meta.TypeMeta:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Type().Field(i).Tag.Get("protobuf") != "" || v.Type().Field(i).Name == "TypeMeta" {
				if chance.Intn(10) < 9-depth || depth < 2 {
					fill(v.Field(i), depth+1)
				}
			}
		}
	case reflect.Ptr:
		if chance.Intn(10) < 7-depth {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth)
		}
	case reflect.Map:
		if n := chance.Intn(3); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for i := 0; i < n; i++ {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				key.SetString("k" + strconv.Itoa(i))
				fill(value, depth+1)
				if value.Kind() == reflect.Slice && value.IsNil() {
					value.Set(reflect.MakeSlice(value.Type(), 0, 0))
				}
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if n := chance.Intn(9); n > 0 {
				raw := make([]byte, n)
				chance.Read(raw)
				v.SetBytes(raw)
			}
			return
		}
		for n := chance.Intn(3); n > 0 && depth < 8; n-- {
			each := reflect.New(v.Type().Elem()).Elem()
			fill(each, depth+1)
			v.Set(reflect.Append(v, each))
		}
	case reflect.String:
		v.SetString(words(chance.Intn(9)))
	case reflect.Bool:
		v.SetBool(chance.Intn(2) == 1)
	case reflect.Int32, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, 8080, int64(chance.Int31()), -int64(chance.Int31())}[chance.Intn(6)])
	}
}

func printObjects(count int) {
	var versions []string
	for version := range roots {
		versions = append(versions, version)
	}
	sort.Strings(versions)
	for round := 0; round < count; round++ {
		for _, version := range versions {
			for _, example := range roots[version] {
				made := reflect.New(reflect.TypeOf(example))
				if round > 0 {
					fill(made.Elem(), 0)
				}
				printObject(version, reflect.TypeOf(example).Name(), made.Interface())
			}
		}
	}
}

func printObject(version, kind string, made any) {
	raw, err := made.(interface{ Marshal() ([]byte, error) }).Marshal()
	if err != nil {
		panic(err)
	}
	unknown := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: version, Kind: kind}, Raw: raw}
	envelope, err := unknown.Marshal()
	if err != nil {
		panic(err)
	}
	// What a client would see: the stored bytes, read back and shown as JSON.
	again := reflect.New(reflect.TypeOf(made).Elem()).Interface()
	if err := again.(interface{ Unmarshal([]byte) error }).Unmarshal(raw); err != nil {
		panic(err)
	}
	object, err := json.Marshal(again)
	if err != nil {
		panic(err)
	}
	stored := base64.StdEncoding.EncodeToString(append([]byte("k8s\x00"), envelope...))
	line, _ := json.Marshal(map[string]any{
		"apiVersion": version, "kind": kind, "stored": stored, "object": json.RawMessage(object)})
	fmt.Println(string(line))
}

func main() {
	if os.Args[1] == "tables" {
		printTables()
		return
	}
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	printObjects(count)
}

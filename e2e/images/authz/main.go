// Command authz is an authorization server of both protocols that ExternalAuth knows: plain HTTP on port 9002, and
// Envoy's ext_authz over gRPC on port 9001, by Envoy's own definitions.
//
// Who says "authorization: Bearer good" may pass, as the user "good"; everybody else is denied with 403 and told
// which protocol asked.
package main

import (
	"context"
	"log"
	"net"
	"net/http"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	envoytype "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const good = "Bearer good"

type server struct {
	auth.UnimplementedAuthorizationServer
}

func header(name, value string) []*core.HeaderValueOption {
	return []*core.HeaderValueOption{{
		Header:       &core.HeaderValue{Key: name, Value: value},
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}}
}

// Check decides by the fields of the request.
func (server) Check(_ context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	asked := request.GetAttributes().GetRequest().GetHttp()
	if asked.GetHeaders()["authorization"] == good {
		return &auth.CheckResponse{
			Status: &status.Status{Code: int32(codes.OK)},
			HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{
				Headers:         header("x-user", "good"),
				HeadersToRemove: []string{"authorization"},
			}},
		}, nil
	}
	return &auth.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status:  &envoytype.HttpStatus{Code: envoytype.StatusCode_Forbidden},
			Headers: header("x-denied-by", "grpc"),
			Body:    "denied " + asked.GetMethod() + " " + asked.GetHost() + asked.GetPath(),
		}},
	}, nil
}

func main() {
	listener, err := net.Listen("tcp", ":9001")
	if err != nil {
		log.Fatal(err)
	}
	calls := grpc.NewServer()
	auth.RegisterAuthorizationServer(calls, server{})
	go func() { log.Fatal(calls.Serve(listener)) }()

	pages := http.NewServeMux()
	pages.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	pages.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") == good {
			answer.Header().Set("X-User", "good")
			answer.Header().Set("X-Secret", "for nobody")
			return
		}
		answer.Header().Set("X-Denied-By", "http")
		answer.WriteHeader(http.StatusForbidden)
		_, _ = answer.Write([]byte("denied " + request.Method + " " + request.Host + request.URL.Path))
	})
	log.Fatal(http.ListenAndServe(":9002", pages))
}

// SPDX-License-Identifier: Apache-2.0

// exec_kubelet is the part of a kubelet that kubectl exec, logs and port-forward end at: the API server comes to it as to any kubelet, and the
// streams are served by the kubelet's own code. Every container is this process's own environment: commands run with its variables and in its
// network namespace, ports are those of that namespace's loopback, and the log is one file.
//
//	usage: exec_kubelet ADDRESS:PORT LOGFILE
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"k8s.io/apimachinery/pkg/types"
	protocols "k8s.io/apimachinery/pkg/util/remotecommand"
	client "k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/cert"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	"k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const (
	idleTimeout   = 4 * time.Hour // a kubelet's default
	streamTimeout = protocols.DefaultStreamCreationTimeout
)

type container struct{ logFile string }

func (container) ExecInContainer(ctx context.Context, _ string, _ types.UID, _ string, words []string, in io.Reader, out, errors io.WriteCloser, _ bool, _ <-chan client.TerminalSize, _ time.Duration) error {
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stdin, command.Stdout, command.Stderr = in, out, errors
	err := command.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}

func (container) PortForward(ctx context.Context, _ string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("localhost:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

func (c container) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, c, r.PathValue("pod"), "", r.PathValue("container"), r.URL.Query()["command"], options, idleTimeout, streamTimeout,
		protocols.SupportedStreamingProtocols)
}

func (c container) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, c, r.PathValue("pod"), "", options, idleTimeout, streamTimeout, portforward.SupportedProtocols)
}

func (c container) logs(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(w, r, c.logFile)
}

func serve(address, logFile string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	all, routes := container{logFile}, http.NewServeMux()
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", all.exec)
	routes.HandleFunc("/portForward/{namespace}/{pod}", all.portForward)
	routes.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", all.logs)
	server := http.Server{
		Addr:         address,
		Handler:      routes,
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{pair}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // streams are upgrades of HTTP/1.1
	}
	return server.ListenAndServeTLS("", "")
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: exec_kubelet ADDRESS:PORT LOGFILE")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "exec_kubelet:", serve(os.Args[1], os.Args[2]))
	os.Exit(1)
}

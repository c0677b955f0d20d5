package fleet

import (
	"context"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sync/semaphore"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// machineFailure describes a phone that this machine could not connect to, by what the machine lacks.
func machineFailure(err error) *Failure {
	return &Failure{Kind: KindMachine, Msg: "not contacted", Err: netconn.AsMachine(err)}
}

// MachineLacks returns what a failed connect or look-up says that this machine lacks for connections, nil if it says something of
// the phone or server.
func MachineLacks(err error) error {
	if lack := netconn.AsMachine(err); lack != nil {
		return lack
	}
	return nil
}

// A dialFunc connects, as [net.Dialer.DialContext] does.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// limited returns a dial function that holds at most so many connections at a time, 0 for any number. It is for contact requests
// and probes, which phones that restart get besides those that hold a slot.
func limited(dial dialFunc, most int) dialFunc {
	if dial == nil {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return netconn.DialContext(ctx, net.Dialer{KeepAlive: -1}, network, address)
		}
	}
	if most <= 0 {
		return dial
	}
	free := semaphore.NewWeighted(int64(most))
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if free.Acquire(ctx, 1) != nil { // the phone was not given the time to answer
			return nil, &netconn.MachineError{What: netconn.LackFiles, Err: syscall.EMFILE}
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			free.Release(1)
			return nil, err
		}
		return &countedConn{Conn: conn, free: free}, nil
	}
}

// A countedConn makes room for another connection when it is closed.
type countedConn struct {
	net.Conn
	free *semaphore.Weighted
	once sync.Once
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.once.Do(func() { c.free.Release(1) })
	return c.Conn.Close()
}

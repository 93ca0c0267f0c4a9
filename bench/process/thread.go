package process

import "runtime"

// start starts the process and a goroutine that waits for its end. That
// goroutine keeps its thread: the signal that ends children with their parent
// is sent when the thread that started them ends, not the process.
func (s *Server) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		s.exitErr = s.cmd.Wait()
		close(s.exited)
	}()
	return <-started
}

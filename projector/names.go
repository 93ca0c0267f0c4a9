package projector

import "github.com/tidemark-io/tidemark/projector/checkpoint"

// ModelNames are the directories of models that are kept, as the files beside them
// name them; an empty name is of none.
type ModelNames struct {
	// Current serves, Previous served before it, Rebuilding is being rebuilt or waits to
	// be accepted, and the next start takes Next.
	Current, Previous, Rebuilding, Next string
	// note is what was left with the rebuild.
	note string
}

// ListModels returns the models in a directory.
func ListModels(modelsDir string) (ModelNames, error) {
	return namesOf(checkpoint.Models{Dir: modelsDir})
}

// Names returns the models in the projector's directory.
func (p *Projector) Names() (ModelNames, error) { return namesOf(p.models) }

func namesOf(models checkpoint.Models) (n ModelNames, err error) {
	current, _, err := models.Current()
	if err != nil {
		return n, err
	}
	n, err = namesBeside(models)
	n.Current = current
	return n, err
}

// namesBeside leaves out the current one, which may be gone.
func namesBeside(models checkpoint.Models) (n ModelNames, err error) {
	if n.Previous, err = models.Previous(); err != nil {
		return n, err
	}
	if n.Next, err = models.Next(); err != nil {
		return n, err
	}
	name, note, err := models.Rebuilding()
	n.Rebuilding, n.note = name, string(note)
	return n, err
}

// name writes the files. The one that counts comes when the model that it takes the
// name of is one to go back to: a crash in between leaves no model unnamed that serves
// or is to. NEXT has a life of its own.
func (p *Projector) name(n ModelNames) error {
	if err := p.models.SetPrevious(n.Previous); err != nil {
		return err
	}
	if err := p.models.Use(n.Current); err != nil {
		return err
	}
	return p.models.SetRebuilding(n.Rebuilding, []byte(n.note))
}

// nameAgain takes back what name has written, or some of it.
func (p *Projector) nameAgain(before ModelNames) error {
	if err := p.models.Use(before.Current); err != nil { // with it the way back is what it was
		return err
	}
	return p.name(before)
}

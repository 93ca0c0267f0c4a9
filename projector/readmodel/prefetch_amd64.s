#include "textflag.h"

// func prefetch(addresses *uintptr, count int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ addresses+0(FP), SI
	MOVQ count+8(FP), CX
	LEAQ (SI)(CX*8), CX
next:
	CMPQ SI, CX
	JGE  done
	MOVQ (SI), AX
	PREFETCHT0 (AX)
	ADDQ $8, SI
	JMP  next
done:
	RET

/* The files of the page as they are; CMake gives the directories they are found in. */
.macro asset name, file
	.global nd_asset_\name
	.global nd_asset_\name\()_end
nd_asset_\name:
	.incbin "\file"
nd_asset_\name\()_end:
	.byte 0
.endm

	.section .rodata
	asset page, "page.html"
	asset style, "page.css"
	asset d3, "d3.min.js"
	asset script, "page.js"
	.section .note.GNU-stack,"",@progbits

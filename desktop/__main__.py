"""`python -m desktop` is the same as `chatbelle`."""

from desktop.app import main

raise SystemExit(main())

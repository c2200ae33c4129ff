"""The second stage: learned trees that order the blend's best candidates. Serving needs numpy only."""

"""From image and boxes to results in image pixels: detectors, pose estimators, temporal fusion."""
